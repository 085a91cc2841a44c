import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import type { LoggedMessage } from '../../contracts/runs/message.ts';
import { markUntrusted } from './mark-untrusted.ts';
import { groupsOf, isSummary, type MessageGroup, SUMMARY_OPENING } from './message-groups.ts';
import { MessageMemo } from './message-memo.ts';
import { skillList } from './skills.ts';

/**
 * What a model is sent: the prompt, earlier turns, then the run's own conversation. Every call is followed by its
 * results, and a summary stands where the first message stood that it covers. The run's own messages keep their
 * `seq`, a summary the range it stands for (0 to 0 is the history); nothing else has either. What others wrote is marked.
 */
export function buildMessages(definition: AgentDefinition, state: RunState): LoggedMessage[] {
  const { messages, history } = state;
  const sent = extendConversation(definition, state) ?? buildConversation(definition, state);
  if (!messages.some(isSummary)) {
    conversations.keep(messages, { definition, history, sent });
  }
  return [...sent]; // the caller may change its own
}

type Conversation = {
  definition: AgentDefinition;
  history: RunState['history'];
  sent: readonly LoggedMessage[];
};

/** Each request repeats the request before and adds to it. */
const conversations = new MessageMemo<Conversation>();

/**
 * Continues the conversation of the step before. Undefined when there is none, or when what came
 * since changes what was sent before: a summary, or a result of an earlier call.
 */
function extendConversation(
  definition: AgentDefinition,
  { messages, history }: RunState,
): readonly LoggedMessage[] | undefined {
  const known = conversations.find(messages);
  if (known?.value.definition !== definition || known.value.history !== history) {
    return undefined;
  }
  const added = countedOn(messages).slice(known.length);
  const calls = new Set(added.flatMap(({ tool_calls }) => tool_calls?.map(({ id }) => id) ?? []));
  const isApart = added.every(
    (message) =>
      !isSummary(message) && (message.role !== 'tool' || calls.has(message.tool_call_id ?? '')),
  );
  return isApart ? [...known.value.sent, ...groupsOf(added).flat().map(markUntrusted)] : undefined;
}

function buildConversation(definition: AgentDefinition, state: RunState): LoggedMessage[] {
  const { system_prompt, instruction } = definition.agent;
  const prompt = [system_prompt, instruction, skillList(definition)]
    .filter((part) => part)
    .join('\n\n');
  const system: LoggedMessage[] = prompt ? [{ role: 'system', content: prompt }] : [];
  const turns = turnsOf(state.history);
  let history: MessageGroup[] = unread(turns[0] ?? []);
  for (const turn of turns) {
    history = summarized(history, turn).map(asHistory);
  }
  return [...system, ...summarized(history, state.messages).flat().map(markUntrusted)];
}

/** The runs a history consists of: numbers begin again with each. A history without numbers is taken as one. */
function turnsOf(history: readonly LoggedMessage[]): LoggedMessage[][] {
  const turns: LoggedMessage[][] = [];
  let last = Number.POSITIVE_INFINITY;
  for (const message of history) {
    const turn = turns.at(-1);
    if (turn && (message.seq === undefined || message.seq > last)) {
      turn.push(message);
    } else {
      turns.push([message]);
    }
    last = message.seq ?? last;
  }
  return turns;
}

/** Numbers count within a run: to the next one all that was before is number 0. */
function asHistory(group: MessageGroup): MessageGroup {
  const [first, ...rest] = group.map(({ seq, ...message }): LoggedMessage => {
    return isSummary(message) ? { ...message, covers_from_seq: 0, covers_to_seq: 0 } : message;
  });
  return first ? [first, ...rest] : group;
}

/** Something a summary may stand for, with its numbers: the history is number 0. */
type Place = { group: MessageGroup; seqs: number[]; summary: LoggedMessage | undefined };

/** The groups of a run behind those before it; what summaries cover is replaced by them. The last of them wins. */
function summarized(
  earlier: readonly MessageGroup[],
  run: readonly LoggedMessage[],
): MessageGroup[] {
  const numbered = countedOn(run);
  const summaries = numbered.filter(isSummary);
  const place = (group: MessageGroup, seqs: number[]): Place => {
    return { group, seqs, summary: summaries.findLast((summary) => covers(summary, seqs)) };
  };
  if (summaries.length === 0) {
    return [...earlier, ...groupsOf(numbered)];
  }
  const own = groupsOf(numbered.filter((message) => !isSummary(message)));
  const places = [
    ...earlier.map((group) => place(group, [0])),
    ...own.map((group) =>
      place(
        group,
        group.flatMap(({ seq }) => seq ?? []),
      ),
    ),
  ];
  const covered = Map.groupBy(places, ({ summary }) => summary);
  return places.flatMap((one): MessageGroup[] => {
    if (!one.summary) {
      return [one.group];
    }
    const all = covered.get(one.summary) ?? [];
    return all[0] === one ? [[spoken(one.summary, all)]] : [];
  });
}

/** The turns that a summary in the first turn stands for are not read any more: it holds their place itself. */
function unread(first: readonly LoggedMessage[]): MessageGroup[] {
  const summary = first.find(({ covers_from_seq }) => covers_from_seq === 0);
  return summary ? [[summary]] : [];
}

/** Messages folded ahead of the log have no number yet: they count on from the last that has one. */
function countedOn(run: readonly LoggedMessage[]): LoggedMessage[] {
  let last: number | undefined;
  return run.map((message) => {
    last = message.seq ?? (last === undefined ? undefined : last + 1);
    return last === undefined || message.seq === last ? message : { ...message, seq: last };
  });
}

/** One message of a group is enough; but a summary cannot stand for what was said after it. */
function covers(summary: LoggedMessage, seqs: readonly number[]): boolean {
  const { covers_from_seq: from, covers_to_seq: to, seq: own = Number.POSITIVE_INFINITY } = summary;
  return (
    seqs.some((seq) => seq >= (from ?? Number.POSITIVE_INFINITY) && seq <= (to ?? -1)) &&
    seqs.every((seq) => seq < own)
  );
}

function spoken({ content }: LoggedMessage, places: readonly Place[]): LoggedMessage {
  const seqs = places.flatMap((place) => place.seqs);
  const text = content ?? '';
  return {
    role: 'user',
    content: text.startsWith(SUMMARY_OPENING) ? text : SUMMARY_OPENING + text,
    covers_from_seq: Math.min(...seqs),
    covers_to_seq: Math.max(...seqs),
  };
}
