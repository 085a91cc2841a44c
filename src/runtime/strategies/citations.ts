import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import type { LoggedMessage } from '../../contracts/runs/message.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { parseJsonOrText } from '../../json/parse-json.ts';

const TOOL = 'knowledge_search';
/** The answer of an agent that must cite and has nothing to cite. */
export const NOT_IN_SOURCES = 'Not in the sources.';
/** Opening words of a request to repair citations, by which the request is recognized. */
const REPAIR_OPENING = 'Your answer does not cite what you have retrieved';

/** The characters that count as white space, as in `howdah_private.space_class`. */
const SPACE = String.raw`\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff`;
const SPACES = new RegExp(`[${SPACE}]+`, 'g');
const QUOTE = '"[^"]+"|“[^“”]+”|„[^„“”]+[“”]|«[^«»]+»|»[^«»]+«';
/**
 * A mark such as [^4711], with the quoted text before it, if any. `howdah_private.citation_marks`
 * reads the same form.
 */
const MARK = new RegExp(`(?:(${QUOTE})[${SPACE}.,;:]{0,10})?\\[\\^([0-9]{1,18})\\]`, 'g');
/** A letter or digit. What is quoted without one, as between two strings of JSON, is no quote. */
const LETTER_OR_DIGIT = /[0-9A-Za-z\u00c0-\u1fff\u2c00-\uffff]/;

/**
 * Checks the answer of an agent whose tool knowledge_search demands citations. Returns undefined if
 * the answer is fit to end the run. Otherwise the model is asked once more, and then the answer is
 * that the sources do not have it. The database decides which marks become citations
 * (`record_citations`); this check reads the same results in the log, so that a replay decides the
 * same. An answer that must fit a schema is not checked: the last resort would not fit it.
 */
export function repairCitations(
  { tools, agent }: AgentDefinition,
  { messages, messages_at_retry }: RunState,
  answer: string,
): Action | undefined {
  const isDemanded = tools.some(
    ({ kind, name, configuration }) =>
      kind === 'builtin' && name === TOOL && configuration.citations === 'required',
  );
  if (!isDemanded || agent.output_schema || answer.trim() === NOT_IN_SOURCES) return undefined;
  const fault = citationFault(retrievedTexts(messages), answer);
  if (fault === undefined) return undefined;
  const isRepeated = messages
    .slice(messages_at_retry)
    .some(({ role, content }) => role === 'user' && content?.startsWith(REPAIR_OPENING));
  return isRepeated
    ? { type: 'guard', name: 'citations', message: NOT_IN_SOURCES, role: 'assistant' }
    : { type: 'guard', name: 'citations', message: `${REPAIR_OPENING}: ${fault}. ${HOW_TO}` };
}

const HOW_TO = `Answer again. Write the citation of a part, such as [^4711], behind each statement that you take from it, and quote word for word. If the parts do not answer the question, answer only: ${NOT_IN_SOURCES}`;

/** Returns the texts that the searches of a run have returned, by the numbers of their chunks. */
function retrievedTexts(messages: readonly LoggedMessage[]): Map<string, string> {
  const searches = new Set(
    messages.flatMap(({ tool_calls }) =>
      (tool_calls ?? []).filter(({ name }) => name === TOOL).map(({ id }) => id),
    ),
  );
  const texts = new Map<string, string>();
  for (const { role, tool_call_id, content } of messages) {
    if (role !== 'tool' || !searches.has(tool_call_id ?? '')) continue;
    for (const { citation, text } of chunksIn(content ?? '')) {
      if (!texts.has(citation)) texts.set(citation, text);
    }
  }
  return texts;
}

function chunksIn(content: string): { citation: string; text: string }[] {
  const value = parseJsonOrText(content);
  const chunks: Json = isJsonObject(value) ? (value.chunks ?? []) : [];
  if (!Array.isArray(chunks)) return [];
  return chunks.flatMap((chunk) =>
    isJsonObject(chunk) && typeof chunk.citation === 'string' && typeof chunk.text === 'string'
      ? [{ citation: chunk.citation.slice(2, -1), text: chunk.text }]
      : [],
  );
}

/** Returns what is wrong with the citations of an answer; undefined if all are valid. */
export function citationFault(
  texts: ReadonlyMap<string, string>,
  answer: string,
): string | undefined {
  const marks = [...answer.matchAll(MARK)];
  if (marks.length === 0) return 'it has no citation';
  for (const [, quote, number = ''] of marks) {
    const text = texts.get(BigInt(number).toString());
    if (text === undefined) return `no search of yours has returned [^${number}]`;
    if (!quote || !LETTER_OR_DIGIT.test(quote)) continue;
    if (!singleSpaced(text).includes(singleSpaced(quote.slice(1, -1)).trim())) {
      return `[^${number}] does not have the text ${quote}`;
    }
  }
  return undefined;
}

const singleSpaced = (text: string): string => text.replace(SPACES, ' ');
