import type { Message } from '../../contracts/runs/message.ts';
import { isJsonNumber, isWhole, numberIn } from '../../json/exact-number.ts';
import {
  hasMembers,
  isJsonObject,
  type Json,
  type JsonObject,
  type JsonSchema,
} from '../../json/json.ts';
import { enumOf, type Parameter, parametersOf } from './schema.ts';
import { contentStems, overlap, sameWord, stem, words } from './words.ts';

/** The sources of an output: the results of tools, the same as text, and the conversation. */
export type Sources = { results: Json[]; text: string; question: string; messages: Message[] };

/** The output as far as it can be filled, and the missing required properties. */
export type FilledOutput = { value: JsonObject; missing: string[] };

const ANSWERS = new Set(
  ['answer', 'text', 'reply', 'message', 'summary', 'response', 'output'].map(stem),
);

/**
 * Fills an output schema from the results of tools. An enum may also match the words of the
 * question, as a router needs.
 */
export function fillOutput(schema: JsonSchema, sources: Sources): FilledOutput {
  const facts = new Map<string, Json>();
  for (const result of sources.results) collect(result, facts);
  const value: JsonObject = {};
  const missing: string[] = [];
  const properties = parametersOf({ name: '', description: '', parameters: schema });
  for (const property of properties) {
    const found = findValue(property, facts, sources);
    if (found !== undefined) value[property.name] = found;
    else if (property.required) missing.push(property.name);
  }
  return { value, missing: properties.length === 0 ? ['an object with properties'] : missing };
}

/** Collects every named value of a result by its name. The first value of a name wins. */
function collect(value: Json, facts: Map<string, Json>): void {
  if (Array.isArray(value)) for (const inner of value) collect(inner, facts);
  if (!isJsonObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    const name = nameKey(key);
    if (!facts.has(name)) facts.set(name, inner);
  }
  for (const inner of Object.values(value)) collect(inner, facts);
}

const nameKey = (name: string): string => words(name).map(stem).join(' ');

function findValue(
  property: Parameter,
  facts: Map<string, Json>,
  sources: Sources,
): Json | undefined {
  if (property.schema.const !== undefined) return property.schema.const;
  const options = enumOf(property);
  const fact = convertTo(facts.get(nameKey(property.name)), property.type);
  if (options.length > 0) {
    const exact = options.find((one) => one === fact || [...facts.values()].includes(one));
    return exact ?? nearestOption(options, sources);
  }
  if (fact !== undefined) return fact;
  const answers = property.type === 'string' && property.stems.some((one) => ANSWERS.has(one));
  return answers && sources.text !== '' ? sources.text : undefined;
}

function convertTo(value: Json | undefined, type: string): Json | undefined {
  if (value === undefined || value === null) return undefined;
  if (type === 'string') return hasMembers(value) ? undefined : String(value);
  if (type === 'array') return Array.isArray(value) ? value : undefined;
  if (type === 'object') return isJsonObject(value) ? value : undefined;
  if (type === 'boolean') return typeof value === 'boolean' ? value : undefined;
  const number = typeof value === 'string' && value.trim() !== '' ? numberIn(value.trim()) : value;
  if (!isJsonNumber(number)) return undefined;
  return type === 'integer' && !isWhole(number) ? undefined : number;
}

/**
 * Returns the option nearest to the question. An option matches by its own name and by the line
 * that describes it anywhere in the conversation ("- billing: invoices and payments"). Returns
 * undefined when no word matches or when the two best options match equally well.
 */
function nearestOption(options: string[], { question, messages }: Sources): string | undefined {
  const lines = messages.flatMap(({ content }) => (content ?? '').split('\n'));
  const describes = (line: string, option: string) =>
    /^\W*([\w-]+)/.exec(line.trim())?.[1] === option && line.trim().length > option.length + 2;
  const request = question
    .split('\n')
    .filter((line) => !options.some((option) => describes(line, option)))
    .join('\n');
  const query = contentStems(request);
  const ranked = options
    .map((option) => {
      const own = words(option).some((word) => query.some((one) => sameWord(one, stem(word))));
      const about = lines.filter((line) => describes(line, option)).join(' ');
      return { option, score: (own ? 2 : 0) + overlap(query, about.replaceAll(option, ' ')) };
    })
    .sort((a, b) => b.score - a.score);
  const [best, next] = ranked;
  if (best === undefined || best.score === 0 || best.score === next?.score) return undefined;
  return best.option;
}
