import { createInterface, type Interface } from 'node:readline';
import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import type { ChatQuestion } from '../../../db/queries/chat-session.ts';
import { agents } from '../../../resources/definitions/agents.ts';
import type { ChatBackend } from '../../backend/chat-backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { printTurn, showQuestion } from '../../chat/print-turn.ts';
import { type ChatContext, runSlashCommand } from '../../chat/slash-commands.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { exitCodes, reportOf } from '../../output/exit-codes.ts';
import { type CliIo, printError, printJson } from '../../output/output.ts';
import { TREE_OPTION } from '../../print/live-run.ts';

type Options = { session?: string; stream?: boolean; tree?: true; agentId?: string };

/**
 * Registers `howdah chat AGENT` and `howdah chat --agent-id ID`: a conversation in which each line
 * of standard input is a message, an answer or a command.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[agent]', 'name of the agent')
    .option('--agent-id <id>', 'id of the agent, in place of its name')
    .option('--session <id>', 'continue this session')
    .option('--stream', 'show answers while they are generated (default at a terminal)')
    .option('--no-stream', 'show answers when they are complete (default elsewhere)')
    .option(...TREE_OPTION)
    .option(...API_OPTION)
    .action(async (name: string | undefined, options: Options, self: Command) => {
      const session = options.session && uuidOf(options.session, 'a session');
      const named = agentIn(name, options.agentId);
      const tokens = options.stream ?? (io.isTerminal && !io.json);
      const { tree = false } = options;
      const stop = new AbortController();
      await withBackend(io, self, { createsDatabase: true }, async (all) => {
        const { openChat, withWorker, definitions } = all;
        const agent = named.name ?? String((await definitions.find(agents, named.id)).name);
        const start = { agent, session };
        const backend = await openChat({ tokens, tree, signal: stop.signal });
        try {
          const talk = { backend, agent, session: await openSession(io, backend, start) };
          await withWorker(() => converse(io, { ...talk, stop }));
        } finally {
          await backend.close();
        }
      });
    });
}

/** Returns the name or the id of the agent. Throws `EUSAGE` for both or neither. */
function agentIn(
  name: string | undefined,
  agentId: string | undefined,
): { name: string; id?: never } | { name?: never; id: string } {
  if (name !== undefined && agentId === undefined) return { name };
  if (name === undefined && agentId !== undefined) return { id: uuidOf(agentId, 'an agent') };
  const message = name === undefined ? 'no agent is named' : 'the agent is named twice';
  throw new HowdahError('EUSAGE', message, {
    hint: 'Name it once: howdah chat AGENT, or howdah chat --agent-id ID. List agents: howdah agents',
  });
}

/** The agent, and the session to continue. */
type Beginning = { agent: string; session: string | undefined };

async function openSession(
  io: CliIo,
  backend: ChatBackend,
  { agent, session }: Beginning,
): Promise<string> {
  const id = await backend.open(agent, session);
  if (io.json) printJson(io, { type: 'session', id });
  else io.err(`session ${id} · type a message, /help lists commands, Ctrl-D ends, Ctrl-C cancels`);
  return id;
}

/** The state of a conversation. */
type Talk = ChatContext & {
  /** Fires at Ctrl-C. */
  stop: AbortSignal;
  /** The run of the last message, until it has ended. */
  run: string | undefined;
  /** The question that the next line answers. */
  question: ChatQuestion | undefined;
  /** True if the last run that was shown did not complete. */
  hasFailed: boolean;
  /** The last step shown of each run. */
  shown: Map<string, number>;
};

async function converse(
  io: CliIo,
  { stop, ...start }: Pick<Talk, 'backend' | 'session' | 'agent'> & { stop: AbortController },
): Promise<void> {
  io.onInterrupt(() => stop.abort());
  const left = await start.backend.openQuestion(start.session); // left with an open question
  const talk: Talk = {
    io,
    ...start,
    run: left?.run,
    question: left?.question,
    lastRun: left?.run,
    forkedTurn: undefined,
    isOver: false,
    stop: stop.signal,
    hasFailed: false,
    shown: new Map(),
  };
  if (talk.question) showQuestion(io, talk.question);
  // created right before it is read, because an earlier line would be lost
  const lines = linesOf(io, stop);
  prompt(lines, talk);
  for await (const line of lines) {
    if (line.trim() !== '') await say(talk, line);
    if (stop.signal.aborted || talk.isOver) break;
    prompt(lines, talk);
  }
  await leave(talk);
}

/**
 * Creates the reader of lines. At a terminal a line can be edited, and the arrow keys bring back
 * earlier lines.
 */
function linesOf(io: CliIo, stop: AbortController): Interface {
  const { signal } = stop;
  if (!io.prompts) return createInterface({ input: io.stdin, terminal: false, signal });
  const lines = createInterface({ input: io.stdin, output: io.prompts, terminal: true, signal });
  return lines.on('SIGINT', () => {
    // only the key arrives: a terminal that edits lines sends no signal
    io.setExitCode(exitCodes.interrupted);
    stop.abort();
  });
}

function prompt(lines: Interface, { io, agent, question, forkedTurn }: Talk): void {
  if (!io.prompts) return;
  lines.setPrompt(question && forkedTurn === undefined ? 'answer> ' : `${agent}> `);
  lines.prompt();
}

/**
 * Ends the run of a conversation that is over, or leaves it waiting. Sets the matching exit code.
 */
async function leave({ io, backend, run, question, ...talk }: Talk): Promise<void> {
  if (talk.stop.aborted && run) {
    await backend.cancel(run);
    io.err(`run ${run} is cancelled`);
  } else if (question) {
    io.err(
      `The run waits for your answer. Continue: howdah chat ${talk.agent} --session ${talk.session}`,
    );
    io.setExitCode(exitCodes.waitingForPerson);
  } else if (talk.hasFailed) {
    io.setExitCode(exitCodes.runFailed);
  }
}

/**
 * Handles a line: runs a command, answers the open question, or sends a message. Then shows the
 * turn until it ends or asks a question.
 */
async function say(talk: Talk, line: string): Promise<void> {
  const { io, backend, shown } = talk;
  const command = await attempt(io, () => runSlashCommand(talk, line));
  if (command.refused !== undefined || command.value) return;
  const text = line.replace(/^\/\//, '/');
  const said = await attempt(io, async () => {
    if (talk.forkedTurn !== undefined) await beginFork(talk, text);
    else if (talk.question && talk.run) await backend.answer(talk.run, talk.question, text);
    else talk.run = await backend.say(talk.session, text);
  });
  if (said.refused && (said.refused === 'HWINV' || !talk.question)) return;
  talk.question = undefined;
  if (!talk.run) return;
  talk.lastRun = talk.run;
  const after = shown.get(talk.run) ?? 0;
  const events = backend.follow(talk.run, after, talk.stop);
  const turn = await printTurn(io, talk.run, after, events);
  shown.set(talk.run, turn.seq);
  talk.question = turn.question;
  talk.hasFailed = turn.hasFailed;
  if (turn.hasEnded) talk.run = undefined;
}

/**
 * Continues the conversation in a new session. If the fork is rejected, the conversation stays in
 * its session.
 */
async function beginFork(talk: Talk, text: string): Promise<void> {
  const { io, backend, session, forkedTurn: turn = 0 } = talk;
  talk.forkedTurn = undefined;
  const started = await backend.fork({ session, turn }, text);
  talk.session = started.session;
  talk.run = started.run;
  talk.question = undefined;
  if (io.json) printJson(io, { type: 'session', id: started.session });
  else io.err(`session ${started.session} · continues after turn ${turn} of ${session}`);
}

/** The codes of errors that another line may fix. A conversation goes on after them. */
const MENDABLE = ['HWINV', 'HWCNF', 'HWDEN', 'HWNTF', 'EUSAGE'];

/** Runs `work`. If it is rejected, prints the error, and the next line is another attempt. */
async function attempt<T>(
  io: CliIo,
  work: () => Promise<T>,
): Promise<{ value: T; refused?: undefined } | { refused: string }> {
  try {
    return { value: await work() };
  } catch (error) {
    const { code = '' } = error as { code?: string };
    if (!MENDABLE.includes(code)) throw error;
    printError(io, reportOf(error));
    return { refused: code };
  }
}
