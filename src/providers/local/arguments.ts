import { withinTime } from '../../concurrency/within-time.ts';
import type { ToolSchema } from '../../contracts/agents/model.ts';
import { numberIn } from '../../json/exact-number.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { trimEnd } from '../../text/trim-end.ts';
import { calculationsIn } from './expressions.ts';
import {
  entityOf,
  enumOf,
  isCodeTool,
  isIdLike,
  type Parameter,
  parametersOf,
  takesText,
} from './schema.ts';
import type { Value, ValueKind } from './values.ts';
import { sameWord, stem, words } from './words.ts';

/** The arguments of a tool that a question contains. */
export type Filled = {
  /** One set of arguments per call. Empty when a required argument was not found. */
  calls: JsonObject[];
  missing: string[];
  /**
   * The number of parameters filled with a value that the question names. The whole question does
   * not count.
   */
  fit: number;
};

/**
 * A question with the values that it names. `entities` are the things that the identifiers of any
 * tool identify. `patience` is the remaining time for matching patterns. Tools may come from
 * untrusted authors, and a pattern of theirs may backtrack without end.
 */
export type ToolQuestion = {
  text: string;
  values: Value[];
  entities: string[];
  patience: { ms: number };
};

const MAX_CALLS = 5;

/**
 * Fills a tool's parameters from the question. Several values of one parameter make several calls.
 */
export function fillArguments(tool: ToolSchema, question: ToolQuestion): Filled {
  const base: JsonObject = {};
  const missing: string[] = [];
  let many: { name: string; values: Json[] } | null = null;
  let fit = 0;
  for (const parameter of parametersOf(tool)) {
    const text = takesText(parameter, tool);
    const values = text
      ? [wholeQuestion(parameter, question)]
      : valuesFor(parameter, tool, question);
    const [first] = values;
    if (first !== undefined) {
      base[parameter.name] = parameter.type === 'array' ? values : first;
      if (!text && parameter.schema.const === undefined) fit += 1;
      if (values.length > 1 && many === null && parameter.type !== 'array') {
        many = { name: parameter.name, values };
      }
    } else if (parameter.required) {
      if (parameter.schema.default === undefined) missing.push(parameter.name);
      else base[parameter.name] = parameter.schema.default;
    }
  }
  if (missing.length > 0) return { calls: [], missing, fit };
  const { name = '', values = [] } = many ?? {};
  const calls = many ? values.map((value) => ({ ...base, [name]: value })) : [base];
  return { calls: calls.slice(0, MAX_CALLS), missing, fit };
}

function wholeQuestion({ schema }: Parameter, { text }: ToolQuestion): string {
  return typeof schema.maxLength === 'number' ? text.slice(0, schema.maxLength) : text;
}

function valuesFor(parameter: Parameter, tool: ToolSchema, question: ToolQuestion): Json[] {
  const { schema, type } = parameter;
  if (schema.const !== undefined) return [schema.const];
  if (enumOf(parameter).length > 0) return enumValues(parameter, question.text);
  if (isCodeTool(tool)) return codeIn(question.text);
  if (type === 'integer' || type === 'number') return numbers(parameter, tool, question);
  if (type === 'string' || type === 'array') return unique(strings(parameter, tool, question));
  return [];
}

function enumValues(parameter: Parameter, text: string): string[] {
  const said = words(text).map(stem);
  return enumOf(parameter)
    .filter((option) =>
      words(option).every((word) => said.some((one) => sameWord(one, stem(word)))),
    )
    .slice(0, 1);
}

/** Returns the code in a text, only if it is plainly a program. A question is not a program. */
function codeIn(text: string): string[] {
  const fenced = /```\w*\n([\s\S]+?)```/.exec(text)?.[1];
  // The first such word alone: a later one has no more text after it.
  const start = text.search(/\b(?:select|with)\s/i);
  const select = /^\w+\s[\s\S]+?\sfrom\s[\s\S]+/i.exec(start < 0 ? '' : text.slice(start))?.[0];
  return [fenced ?? select].filter((one) => one !== undefined);
}

/**
 * Returns the numbers for a parameter. The word before a number must name the parameter ("last 5
 * orders" is no `order_id`).
 */
function numbers(
  parameter: Parameter,
  tool: ToolSchema,
  question: ToolQuestion,
): (number | string)[] {
  const { minimum, maximum } = parameter.schema;
  const all = question.values.filter(
    ({ kind, text }) =>
      (kind === 'number' || (kind === 'id' && isIdLike(parameter))) && /^-?\d+(\.\d+)?$/.test(text),
  );
  const fitting = byLabel(
    all,
    parameter,
    tool,
    question,
    isIdLike(parameter) || parameter.required,
  );
  return unique(fitting.map(({ text }) => numberOrDigits(text))).filter(
    (value) =>
      typeof value === 'string' ||
      ((parameter.type === 'number' || Number.isSafeInteger(value)) &&
        value >= (typeof minimum === 'number' ? minimum : Number.NEGATIVE_INFINITY) &&
        value <= (typeof maximum === 'number' ? maximum : Number.POSITIVE_INFINITY)),
  );
}

/** Returns a number, or its digits as a text if a double would round it. */
function numberOrDigits(text: string): number | string {
  const number = numberIn(text);
  return typeof number === 'number' ? number : text;
}

const FORMATS: Readonly<Record<string, ValueKind>> = {
  email: 'email',
  date: 'date',
  'date-time': 'date',
  uri: 'url',
  url: 'url',
  uuid: 'uuid',
};
const NAMED: readonly [RegExp, ValueKind][] = [
  [/mail/, 'email'],
  [/(^|_)(date|day|since|until)(_|$)/, 'date'],
  [/(^|_)(url|uri|link)(_|$)/, 'url'],
];

/** Parameters that take a calculation, which is not a single number of the question. */
const CALCULATED = /(^|_)(expression|formula|calculation)(_|$)/;

function strings(parameter: Parameter, tool: ToolSchema, question: ToolQuestion): string[] {
  const { schema } = parameter;
  const texts = (kinds: ValueKind[]) => question.values.filter(({ kind }) => kinds.includes(kind));
  if (typeof schema.pattern === 'string') return wordsMatching(schema.pattern, question);
  const kind =
    (typeof schema.format === 'string' ? FORMATS[schema.format] : undefined) ??
    NAMED.find(([pattern]) => pattern.test(parameter.name.toLowerCase()))?.[1];
  if (kind !== undefined) return texts([kind]).map(({ text }) => text);
  if (CALCULATED.test(parameter.name.toLowerCase())) return calculationsIn(question.text);
  const ids = texts(['id', 'uuid', 'number']);
  const shapes = examplesOf(schema).map(shapeOf);
  const shaped = ids.filter(({ text }) => shapes.includes(shapeOf(text)));
  if (shaped.length > 0) return shaped.map(({ text }) => text);
  if (isIdLike(parameter))
    return byLabel(ids, parameter, tool, question, true).map(({ text }) => text);
  const named = byLabel(texts(['quoted', 'id']), parameter, tool, question, false);
  const loose =
    named.length > 0 || !parameter.required ? named : texts(['quoted', 'name']).slice(0, 1);
  return loose.map(({ text }) => text);
}

/**
 * Returns the words of the question that match the pattern as a whole. `a-1001` also matches as
 * `A-1001`.
 */
function wordsMatching(pattern: string, { values, text, patience }: ToolQuestion): string[] {
  const whole = regex(`^(?:${pattern})$`);
  if (whole === null) return [];
  const textWords = text.split(/[\s,;!?()"']+/).map((word) => trimEnd(word, '.:'));
  const find = () =>
    [...values.map((value) => value.text), ...textWords].flatMap((word) => {
      const forms = [word, `#${word}`, word.toUpperCase()].filter((form) => form.length <= 100);
      return forms.filter((form) => form !== '' && whole.test(form)).slice(0, 1);
    });
  return unique(isQuick(pattern) ? find() : withinPatience(patience, find));
}

/**
 * Returns whether a pattern is cheap: without groups and with at most one repetition, each word
 * takes linear work per letter.
 */
function isQuick(pattern: string): boolean {
  return !/[(]|\\[1-9k]/.test(pattern) && (pattern.match(/[*+?]|\{\d+,/g) ?? []).length <= 1;
}

/** Returns the result of `find` within the remaining time, or an empty list after a timeout. */
function withinPatience(patience: { ms: number }, find: () => string[]): string[] {
  if (patience.ms < 1) return [];
  const startedAt = performance.now();
  try {
    return withinTime(Math.floor(patience.ms), find);
  } catch {
    return []; // out of time
  } finally {
    patience.ms -= performance.now() - startedAt;
  }
}

function regex(source: string): RegExp | null {
  try {
    return new RegExp(source, 'u');
  } catch {
    return null;
  }
}

/**
 * Returns the examples of a schema, and identifiers that its description mentions ("e.g. A-1001").
 */
function examplesOf({ examples, example, description }: JsonObject): string[] {
  const exampleValues = [...(Array.isArray(examples) ? examples : []), example].filter(
    (one) => typeof one === 'string',
  );
  const written =
    typeof description === 'string' ? (description.match(/(?<![\w#-])[\w#-]*\d[\w-]*/g) ?? []) : [];
  return [...exampleValues, ...written];
}

/** Reduces an identifier to its shape: `A-1001` and `B-7` have the same shape. */
const shapeOf = (text: string): string => text.replace(/\p{L}+/gu, 'a').replace(/\d+/g, '0');

/**
 * Selects the values whose label names the parameter. If there are none and `open` is true, selects
 * the values whose label does not name the entity of another parameter ("customer C-7" is no order;
 * the 5 of "last 5" is no id).
 */
function byLabel(
  values: Value[],
  parameter: Parameter,
  tool: ToolSchema,
  { entities }: ToolQuestion,
  open: boolean,
): Value[] {
  const entity = entityOf(parameter, tool);
  const named = values.filter(({ label }) => isRelated(label, entity));
  if (named.length > 0 || !open) return named;
  const others = entities.filter((one) => !entity.some((own) => sameWord(own, one)));
  const short = ({ kind, text }: Value) => kind === 'number' && text.length < 3;
  return values.filter(
    (value) => !isRelated(value.label, others) && !(short(value) && isIdLike(parameter)),
  );
}

function isRelated(label: string[], entity: string[]): boolean {
  return label.some((one) => entity.some((other) => sameWord(one, other)));
}

/** Returns the entities that the identifiers of all tools identify. */
export function entitiesOf(tools: ToolSchema[]): string[] {
  const all = tools.flatMap((tool) =>
    parametersOf(tool)
      .filter(isIdLike)
      .flatMap((parameter) => entityOf(parameter, tool)),
  );
  return unique(all);
}

function unique<T>(values: T[]): T[] {
  return [...new Set(values)];
}
