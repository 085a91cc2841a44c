import type { ToolSchema } from '../../contracts/agents/model.ts';
import type { JsonObject } from '../../json/json.ts';
import { entitiesOf, type Filled, fillArguments, type ToolQuestion } from './arguments.ts';
import { effectVerb, ordersEffect } from './effects.ts';
import { lexicalScores } from './lexical.ts';
import { parametersOf, takesText } from './schema.ts';
import { valuesIn } from './values.ts';
import { queryStems } from './words.ts';

/** A tool with its score for a question and the arguments that the question contains. */
export type ToolCandidate = { tool: ToolSchema; score: number; filled: Filled };

/** A call that the local model chooses. */
export type ChosenCall = { name: string; arguments: JsonObject };

const THRESHOLD = 2;
/** Tools whose score is below this share of the best score are not chosen. */
const RATIO = 0.75;
const MAX_CALLS = 8;
const MAX_QUESTIONS = 8;
/** Most characters of a question that are matched. A text parameter gets the whole question. */
const MAX_READ = 8000;
/** The total time in which the patterns of all tools may block the process. */
const PATIENCE_MS = 250;
const SEARCHES =
  /search|find|knowledge|lookup|faq|docs|document|manual|wiki|handbook|retriev|suche/i;

/**
 * Returns the tools that match, best first. A tool with an effect matches only if the question
 * orders the effect.
 */
export function match(
  text: string,
  tools: ToolSchema[],
  patience = { ms: PATIENCE_MS },
): ToolCandidate[] {
  const read = text.slice(0, MAX_READ);
  const question: ToolQuestion = {
    text,
    values: valuesIn(read),
    entities: entitiesOf(tools),
    patience,
  };
  const query = queryStems(read);
  const words = lexicalScores(tools, query);
  const scored = tools.map((tool, at): ToolCandidate => {
    const filled = fillArguments(tool, question);
    return { tool, filled, score: (words[at] ?? 0) + bonus(tool, filled, query) };
  });
  return scored
    .filter(({ tool, score }) => score >= THRESHOLD && mayUse(tool, read))
    .sort((a, b) => b.score - a.score);
}

/**
 * Chooses the calls for a question. Takes every tool about as good as the best, judged for each
 * question, and for every named identifier the best tool that takes it.
 */
export function choose(text: string, tools: ToolSchema[]): ChosenCall[] {
  const read = text.slice(0, MAX_READ);
  const questions = (read.match(/(?<![^.?!\n])[^.?!\n]+\?/g) ?? [])
    .map((one) => one.trim())
    .slice(0, MAX_QUESTIONS);
  const best = new Set<ToolSchema>();
  const patience = { ms: PATIENCE_MS };
  for (const part of questions.length > 1 ? questions : [text]) {
    const callable = match(part, tools, patience).filter(({ filled }) => filled.calls.length > 0);
    const bar = (callable[0]?.score ?? 0) * RATIO;
    for (const { tool, score } of callable) if (score >= bar) best.add(tool);
  }
  const whole = match(text, tools, patience);
  for (const value of valuesIn(read).filter(({ kind }) => kind !== 'quoted' && kind !== 'name')) {
    const taker = whole.find(({ filled }) => filled.calls.some((args) => takes(args, value.text)));
    if (taker !== undefined) best.add(taker.tool);
  }
  return whole
    .filter(({ tool }) => best.has(tool))
    .flatMap(({ tool, filled }) =>
      filled.calls.map((args) => ({ name: tool.name, arguments: args })),
    )
    .slice(0, MAX_CALLS);
}

function takes(args: JsonObject, value: string): boolean {
  return Object.values(args).some((one) => [one].flat().some((inner) => String(inner) === value));
}

function mayUse(tool: ToolSchema, text: string): boolean {
  const verb = effectVerb(tool);
  return verb === null || ordersEffect(text, verb);
}

/**
 * Scores the identifiers that fit like words. A search tool gets a bonus for any question with
 * content words.
 */
function bonus(tool: ToolSchema, filled: Filled, query: Map<string, number>): number {
  const text = parametersOf(tool).some((parameter) => takesText(parameter, tool));
  const search = text && query.size > 0 && SEARCHES.test(tool.name) ? THRESHOLD : 0;
  return 2 * Math.min(filled.fit, 2) + search;
}
