import type { IncomingHttpHeaders } from 'node:http';
import type { Queryable } from '../../db/connection/pool.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import {
  answerQuestionOfRun,
  type StartedRun,
} from '../conversation-protocols/conversation-runs.ts';
import { conversationState } from '../conversation-protocols/conversation-state.ts';
import { withTraceparent } from '../http/traceparent.ts';
import type { ApprovalDecision, ChatTurn, UiChatRequest } from './ui-chat-request.ts';

/** A run whose steps after the step `since` are one message of a chat. */
export type ChatRun = StartedRun & {
  messageId: string;
  /** Calls that the message shows already. */
  callIds: readonly string[];
  /** Approvals of child runs that this request answers. No step of the run has their results. */
  answered: readonly ApprovalDecision[];
};

type Turn<Type extends ChatTurn['type']> = Extract<ChatTurn, { type: Type }>;

/** Starts a run, or continues a run of the chat. */
export async function startChatRun(
  db: Queryable,
  request: UiChatRequest,
  turn: ChatTurn,
  headers: IncomingHttpHeaders,
): Promise<ChatRun> {
  switch (turn.type) {
    case 'message':
      return startTurn(db, request, turn, headers);
    case 'decisions':
      return continueRun(db, request.id, turn);
    case 'regenerate':
      return regenerate(db, request.id, turn);
  }
}

/** Returns the live run of a chat, and undefined if no run is live. */
export async function findLiveRun(db: Queryable, chatId: string): Promise<ChatRun | undefined> {
  const { rows } = await db.query<{ id: string | null; since: number }>(
    'select execution_id::text as id, since from howdah_private.chat_run($1)',
    [chatId],
  );
  const [live] = rows;
  return live?.id == null ? undefined : asNewMessage({ id: live.id, since: live.since });
}

/** Turns a run into a message that the interface does not have yet. */
function asNewMessage({ id, since }: StartedRun): ChatRun {
  const messageId = since === 0 ? id : `${id}.${since}`;
  return { id, since, messageId, callIds: [], answered: [] };
}

/** Sends a message to a chat. The message answers the open question of the live run, if any. */
async function startTurn(
  db: Queryable,
  { id: chatId, agent }: UiChatRequest,
  turn: Turn<'message'>,
  headers: IncomingHttpHeaders,
): Promise<ChatRun> {
  const { messageId, text, parts } = turn;
  const replaced = turn.isEdited ? await findTurn(db, chatId, messageId) : undefined;
  const inputParts = parts.length > 0 ? JSON.stringify(parts) : null;
  if (replaced) return restart(db, chatId, replaced.id, { text, inputParts });
  if (await answerQuestion(db, chatId, turn)) {
    const live = await findLiveRun(db, chatId);
    if (live) return live;
  }
  const metadata = { chat_id: chatId, chat_message_id: messageId };
  const { rows } = await db.query<{ id: string }>(
    'select howdah_private.send_to_chat($1, $2, $3, $4, $5, $6)::text as id',
    [
      ...[chatId, agent ?? null, text, inputParts],
      JSON.stringify(withTraceparent(metadata, headers)),
      [headers['idempotency-key']].flat()[0] ?? null,
    ],
  );
  return asNewMessage({ id: rows[0]?.id ?? '', since: 0 });
}

/**
 * Answers the oldest open question of the live run. Returns false if there is none. Throws if the
 * run waits for an approval instead.
 */
async function answerQuestion(
  db: Queryable,
  chatId: string,
  { text, parts }: Turn<'message'>,
): Promise<boolean> {
  const live = await findLiveRun(db, chatId);
  const state = live && (await conversationState(db, { id: live.id, since: 0 }));
  if (!live || !state || state.questions.length === 0) return false;
  const question = state.questions.find(({ kind }) => kind !== 'approval');
  if (!question) {
    const names = state.questions.map(({ tool_call: call }) => call?.name ?? 'a call').join(', ');
    throw new RequestRefusal(409, `the chat waits for the approval of ${names}`, {
      code: 'HWCNF',
      hint: 'Approve or deny it first, or cancel the run by DELETE /api/chat/{id}/stream.',
      detail: { execution_id: live.id, question_id: state.questions[0]?.id ?? null },
    });
  }
  if (parts.length > 0) {
    throw new RequestRefusal(400, 'the agent asked a question, which only text can answer', {
      hint: 'Answer the question first, then send the files.',
      detail: { field: 'messages', question_id: question.id },
    });
  }
  await answerQuestionOfRun(db, { id: live.id, questionId: question.id, answer: text });
  return true;
}

type Approval = {
  id: string;
  run: string;
  verdict: string | null;
  /** The step of the question; null if a child run asked. */
  seq: number | null;
};

/**
 * Answers approvals, and continues the message that showed them. Skips decisions that are stored
 * already, so that a request can be repeated.
 */
async function continueRun(
  db: Queryable,
  chatId: string,
  { messageId, decisions, callIds }: Turn<'decisions'>,
): Promise<ChatRun> {
  const approvals = await findApprovals(db, chatId, decisions);
  const [first] = approvals;
  const missing = decisions.find((one) => !approvals.some(({ id }) => id === one.id));
  if (!first || missing) throw unknownApproval(missing?.id ?? '');
  const isStored = ({ id, approved }: ApprovalDecision) =>
    approvals.some((one) => one.id === id && one.verdict === (approved ? 'approve' : 'reject'));
  const answers = decisions
    .filter((one) => !isStored(one))
    .map(({ id, approved, reason }) => ({
      interruptId: id,
      status: 'resolved',
      payload: { approved, ...(reason !== undefined && { reason }) },
    }));
  if (answers.length > 0) {
    await db.query('select howdah_private.answer_interrupts(null, $1)', [JSON.stringify(answers)]);
  } else await db.query('select howdah_private.register_follower($1)', [first.run]);
  const state = await conversationState(db, { id: first.run, since: 0 });
  const seqs = approvals.flatMap(({ seq }) => (seq === null ? [] : [seq]));
  const since = seqs.length > 0 ? Math.max(...seqs) : (state?.step_count ?? 0);
  const ofChildren = new Set(approvals.flatMap(({ id, seq }) => (seq === null ? [id] : [])));
  const answered = decisions.filter(({ id }) => ofChildren.has(id));
  return { id: first.run, since, messageId, callIds, answered };
}

/** Finds the approvals of a chat that the decisions answer. */
async function findApprovals(
  db: Queryable,
  chatId: string,
  decisions: readonly ApprovalDecision[],
): Promise<Approval[]> {
  const { rows } = await db.query<Approval>(
    `select q.id::text as id, q.root_execution_id::text as run, q.answer as verdict, (
       select s.seq from howdah.steps as s
       where s.execution_id = q.root_execution_id and s.kind = 'question'
         and s.input ->> 'question_id' = q.id::text
     ) as seq
     from howdah.questions as q join howdah.executions as e on e.id = q.root_execution_id
     where q.tenant_id = howdah.current_tenant() and q.kind = 'approval'
       and q.id::text = any ($2) and e.session_id = howdah_private.chat_session($1)`,
    [chatId, decisions.map(({ id }) => id)],
  );
  return rows;
}

function unknownApproval(id: string): RequestRefusal {
  return new RequestRefusal(404, `the chat has no approval ${id.slice(0, 100)}`, {
    code: 'HWNTF',
    hint: 'Answer the approvals of the last message of the chat.',
    detail: { field: 'messages' },
  });
}

type FoundTurn = { id: string; status: string; is_last: boolean; has_answers: boolean };

/** Returns the run of a message, or of the last turn of the chat if the message is null. */
async function findTurn(
  db: Queryable,
  chatId: string,
  messageId: string | null,
): Promise<FoundTurn | undefined> {
  const { rows } = await db.query<FoundTurn>(
    `select t.execution_id::text as id, t.status::text as status, t.is_last,
       howdah_private.answered_up_to(t.execution_id) > 0 as has_answers
     from howdah_private.chat_turn($1, $2) as t where t.execution_id is not null`,
    [chatId, messageId],
  );
  return rows[0];
}

/**
 * Answers a message again. A failed or cancelled run of the last turn is retried and keeps what it
 * has done. Any other turn is answered by a new run in a fork of the session.
 */
async function regenerate(
  db: Queryable,
  chatId: string,
  { messageId, userMessageId }: Turn<'regenerate'>,
): Promise<ChatRun> {
  const wanted = messageId ?? userMessageId;
  const found =
    (wanted === undefined ? undefined : await findTurn(db, chatId, runIdIn(wanted))) ??
    (messageId === undefined ? await findTurn(db, chatId, null) : undefined);
  if (!found) {
    throw new RequestRefusal(404, `the chat has no message ${(wanted ?? '').slice(0, 100)}`, {
      code: 'HWNTF',
      hint: 'Regenerate an answer that this chat has received.',
      detail: { field: 'messageId' },
    });
  }
  if (found.has_answers) {
    throw new RequestRefusal(409, 'the message belongs to a run that asked a question', {
      code: 'HWCNF',
      hint: 'Send a message that says what to change, or edit the message that began the run.',
      detail: { field: 'messageId', execution_id: found.id },
    });
  }
  if (found.is_last && (found.status === 'failed' || found.status === 'cancelled')) {
    await db.query('select howdah.retry_execution($1), howdah_private.register_follower($1)', [
      found.id,
    ]);
    return asNewMessage({ id: found.id, since: 0 });
  }
  return restart(db, chatId, found.id, { text: null, inputParts: null });
}

/** Returns the id of the run of a message, if it is an id of `asNewMessage`. */
function runIdIn(messageId: string): string {
  return /^([0-9a-f-]{36})\.\d+$/.exec(messageId)?.[1] ?? messageId;
}

async function restart(
  db: Queryable,
  chatId: string,
  runId: string,
  { text, inputParts }: { text: string | null; inputParts: string | null },
): Promise<ChatRun> {
  const { rows } = await db.query<{ id: string }>(
    'select howdah_private.restart_chat($1, $2, $3, $4)::text as id',
    [chatId, runId, text, inputParts],
  );
  return asNewMessage({ id: rows[0]?.id ?? '', since: 0 });
}
