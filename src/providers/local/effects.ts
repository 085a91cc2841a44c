import type { ToolSchema } from '../../contracts/agents/model.ts';
import { sameWord, stem, words } from './words.ts';

/** Verbs that change data, anywhere in a tool's name or as the first word of its description. */
const VERBS = new Set(
  `add approve assign ban block cancel charge create delete deactivate deploy disable drop edit enable escalate
  execute grant handoff insert modify notify pay purchase refund reject remove rename reset revoke send submit
  subscribe transfer unsubscribe update upload write ask`
    .split(/\s+/)
    .map(stem),
);
/** Verbs that are also nouns or adjectives. They count only at the beginning of a name. */
const FIRST = new Set(
  `archive book buy call change close email issue make merge move open place post publish register restart run
  save schedule set start stop store`
    .split(/\s+/)
    .map(stem),
);
const NEGATION = /\b(not|never|no|don'?t|do not|nicht|kein\w*|nie)\b|n['’]t\b/i;
const FILLERS = new Set([
  'please',
  'kindly',
  'bitte',
  'hello',
  'hi',
  'hey',
  'hallo',
  'ok',
  'so',
  'and',
  'then',
  'now',
  'just',
]);

/** Returns the verb by which a tool changes something, or null for a tool that only reads. */
export function effectVerb(tool: ToolSchema): string | null {
  const name = words(tool.name).map(stem);
  const [first] = words(tool.description);
  const firsts = tool.name.split('__').flatMap((part) => words(part).slice(0, 1).map(stem));
  return (
    name.find((one) => VERBS.has(one)) ??
    firsts.find((one) => FIRST.has(one)) ??
    (first !== undefined && VERBS.has(stem(first)) ? stem(first) : null)
  );
}

/**
 * Returns whether the question plainly orders that verb: "Please cancel order A-1". A question
 * ("How do I cancel …?") or a negation is no order, because a model that only matches words must
 * not change anything on a guess.
 */
export function ordersEffect(question: string, verb: string): boolean {
  return (question.match(/[^.?!;\n]+[.?!;\n]?/g) ?? []).some((sentence) => {
    if (sentence.endsWith('?') || NEGATION.test(sentence)) return false;
    const said = words(sentence);
    const at = said.findIndex((word) => sameWord(stem(word), verb));
    if (at === -1) return false;
    const before = said.slice(0, at);
    const wanted = /\b(want|like|need)( you)? to$/.test(before.join(' '));
    return wanted || before.at(-1) === 'please' || before.every((word) => FILLERS.has(word));
  });
}
