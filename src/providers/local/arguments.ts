import { withinTime } from '../../concurrency/within-time.ts';
import type { ToolSchema } from '../../contracts/agents/model.ts';
import type { Json, JsonObject } from '../../json/json.ts';
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

/** What a question offers a tool. */
export type Filled = {
  /** One set of arguments per call; empty when a required one could not be found. */
  calls: JsonObject[];
  missing: string[];
  /** How many parameters were filled by something the question names (not by the question itself). */
  fit: number;
};

/**
 * A question with what is named in it; `entities` are what any tool's identifiers identify. `patience` is how long patterns
 * may still be looked for: they are written by whoever gives the tools, and one may search for ever.
 */
export type Question = {
  text: string;
  values: Value[];
  entities: string[];
  patience: { ms: number };
};

const MAX_CALLS = 5;

/** Fills a tool's parameters from the question; several values of one parameter make several calls. */
export function fillArguments(tool: ToolSchema, question: Question): Filled {
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

function wholeQuestion({ schema }: Parameter, { text }: Question): string {
  return typeof schema.maxLength === 'number' ? text.slice(0, schema.maxLength) : text;
}

function valuesFor(parameter: Parameter, tool: ToolSchema, question: Question): Json[] {
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

/** Only what is plainly a program: a question is not one. */
function codeIn(text: string): string[] {
  const fenced = /```\w*\n([\s\S]+?)```/.exec(text)?.[1];
  const select = /\b(?:select|with)\s[\s\S]+?\sfrom\s[\s\S]+/i.exec(text)?.[0];
  return [fenced ?? select].filter((one) => one !== undefined);
}

/** A number stands for a parameter that its neighbour names ("last 5 orders" is no `order_id`). */
function numbers(parameter: Parameter, tool: ToolSchema, question: Question): number[] {
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
  return unique(fitting.map(({ text }) => Number(text))).filter(
    (value) =>
      (parameter.type === 'number' || Number.isSafeInteger(value)) &&
      value >= (typeof minimum === 'number' ? minimum : Number.NEGATIVE_INFINITY) &&
      value <= (typeof maximum === 'number' ? maximum : Number.POSITIVE_INFINITY),
  );
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

/** What is worked out is no single number of the question. */
const CALCULATED = /(^|_)(expression|formula|calculation)(_|$)/;

function strings(parameter: Parameter, tool: ToolSchema, question: Question): string[] {
  const { schema } = parameter;
  const texts = (kinds: ValueKind[]) => question.values.filter(({ kind }) => kinds.includes(kind));
  if (typeof schema.pattern === 'string') return matching(schema.pattern, question);
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

/** The words of the question that are, as a whole, what the pattern wants; `a-1001` may mean `A-1001`. */
function matching(pattern: string, { values, text, patience }: Question): string[] {
  const whole = regex(`^(?:${pattern})$`);
  if (whole === null) return [];
  const spoken = text.split(/[\s,;!?()"']+/).map((word) => word.replace(/[.:]+$/, ''));
  const find = () =>
    [...values.map((value) => value.text), ...spoken].flatMap((word) => {
      const forms = [word, `#${word}`, word.toUpperCase()].filter((form) => form.length <= 100);
      return forms.filter((form) => form !== '' && whole.test(form)).slice(0, 1);
    });
  return unique(isQuick(pattern) ? find() : patiently(patience, find));
}

/** Without groups and with one repetition at most, it looks at a word once for each letter. */
function isQuick(pattern: string): boolean {
  return !/[(]|\\[1-9k]/.test(pattern) && (pattern.match(/[*+?]|\{\d+,/g) ?? []).length <= 1;
}

/** What is found within the time that is left; nothing behind it. */
function patiently(patience: { ms: number }, find: () => string[]): string[] {
  if (patience.ms < 1) return [];
  const begun = performance.now();
  try {
    return withinTime(Math.floor(patience.ms), find);
  } catch {
    return []; // out of time
  } finally {
    patience.ms -= performance.now() - begun;
  }
}

function regex(source: string): RegExp | null {
  try {
    return new RegExp(source, 'u');
  } catch {
    return null;
  }
}

/** Examples of a schema: its own, and identifiers its description mentions ("e.g. A-1001"). */
function examplesOf({ examples, example, description }: JsonObject): string[] {
  const told = [...(Array.isArray(examples) ? examples : []), example].filter(
    (one) => typeof one === 'string',
  );
  const written =
    typeof description === 'string' ? (description.match(/[\w#-]*\d[\w-]*/g) ?? []) : [];
  return [...told, ...written];
}

/** `A-1001` and `B-7` have one shape. */
const shapeOf = (text: string): string => text.replace(/\p{L}+/gu, 'a').replace(/\d+/g, '0');

/**
 * Those values whose label names the parameter; else, where `open`, those whose label does not name
 * what another parameter identifies ("customer C-7" is no order; the 5 of "last 5" is no id).
 */
function byLabel(
  values: Value[],
  parameter: Parameter,
  tool: ToolSchema,
  { entities }: Question,
  open: boolean,
): Value[] {
  const entity = entityOf(parameter, tool);
  const named = values.filter(({ label }) => related(label, entity));
  if (named.length > 0 || !open) return named;
  const others = entities.filter((one) => !entity.some((own) => sameWord(own, one)));
  const short = ({ kind, text }: Value) => kind === 'number' && text.length < 3;
  return values.filter(
    (value) => !related(value.label, others) && !(short(value) && isIdLike(parameter)),
  );
}

function related(label: string[], entity: string[]): boolean {
  return label.some((one) => entity.some((other) => sameWord(one, other)));
}

/** What the tools' identifiers identify, over all tools. */
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
