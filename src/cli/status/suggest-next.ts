import { oneLine } from '../output/terminal-text.ts';
import type { Status } from './status.ts';

/** A command that is likely to be wanted now, and its purpose. */
export type NextCommand = { command: string; why: string };

const MOST = 3;
const HELP = { command: 'howdah --help', why: 'all commands' };
const START = 'howdah start';

/** Returns the three most likely commands, the most urgent first. */
export function suggestNextCommands(status: Status): NextCommand[] {
  const { server, database } = status;
  const isReached = (server ?? database)?.state === 'ready';
  const urgent = isReached
    ? [...ofSchema(status), ...ofPeople(status), ...ofWork(status), ...usual(status)]
    : ofUnreached(status);
  const words = new Set<string>();
  return [...urgent, HELP]
    .filter(({ command }) => !words.has(command) && words.add(command))
    .slice(0, MOST);
}

function ofUnreached({ server, database }: Status): NextCommand[] {
  if (server) {
    return [
      { command: `howdah login ${server.url}`, why: 'says a key for it anew, by standard input' },
      { command: 'howdah profiles', why: 'the servers that are logged in to' },
      { command: 'howdah --profile none', why: 'looks at the database of this machine instead' },
    ];
  }
  if (database?.state === 'empty') {
    return [
      {
        command: 'howdah migrate up',
        why: 'gives this database the schema, if it is the right one',
      },
      { command: START, why: 'does so too, and serves the API and works on runs' },
    ];
  }
  if (!database?.is_embedded) {
    return [
      { command: 'howdah migrate status --wait 1m', why: 'waits a minute for that server' },
      { command: 'howdah --database-url URL', why: 'looks at another one' },
    ];
  }
  const isNew = database.state === 'none';
  return [
    {
      command: START,
      why: isNew
        ? 'makes a PostgreSQL of its own, serves the API, works on runs; DATABASE_URL names one of yours'
        : 'starts it, serves the API, works on runs',
    },
    isNew
      ? { command: 'howdah demo', why: 'tickets of a small shop, answered live' }
      : { command: 'howdah db start', why: 'starts the database alone' },
  ];
}

function ofSchema({ schema }: Status): NextCommand[] {
  if (schema === null) return [];
  if (schema.newer > 0) {
    return [
      { command: 'howdah migrate status', why: 'says what a newer release made here: use that' },
    ];
  }
  if (schema.pending === 0 && schema.sql === 'current') return [];
  const save = { command: 'howdah backup', why: 'keeps it as it is, in a file' };
  return [
    { command: 'howdah migrate up', why: 'brings the schema up to date with this program' },
    ...(schema.applied > 0 ? [save] : []),
  ];
}

function ofPeople({ questions, server }: Status): NextCommand[] {
  if (!questions?.newest) return [];
  const { id, kind, prompt } = questions.newest;
  const allow = server ? `howdah answer ${id} approve` : `howdah approve ${id}`;
  const command = kind === 'approval' ? allow : `howdah answer ${id} TEXT`;
  return [
    { command, why: `a run asks: ${oneLine(prompt, 60)}` },
    ...(questions.open > 1 && !server
      ? [{ command: 'howdah questions', why: 'what else runs ask' }]
      : []),
  ];
}

function ofWork({ runs, workers, alerts, model }: Status): NextCommand[] {
  const isLeftAlone = workers?.alive === false && (runs?.queued ?? 0) + (runs?.running ?? 0) > 0;
  const failed = runs?.newest_failed;
  return [
    ...(isLeftAlone ? [{ command: 'howdah worker', why: 'works on runs: none is alive' }] : []),
    ...(alerts && alerts.critical > 0
      ? [{ command: 'howdah alerts --now', why: 'what an operator should look at now' }]
      : []),
    ...(failed
      ? [
          { command: `howdah explain ${failed}`, why: 'why the newest failed run did' },
          { command: `howdah retry ${failed}`, why: 'lets it go on after its last good step' },
        ]
      : []),
    ...(model?.provider === 'local' && runs?.has_llm === false
      ? [
          {
            command: `OPENAI_API_KEY=… ${START}`,
            why: 'with a model; so far agents only look things up',
          },
        ]
      : []),
  ];
}

/** Returns the usual commands. Conversations and lists need a database. */
function usual({ runs, workers, server }: Status): NextCommand[] {
  const agent = inShell(runs?.agent ?? 'development');
  const isLive = (runs?.queued ?? 0) + (runs?.running ?? 0) + (runs?.waiting ?? 0) > 0;
  return [
    ...(isLive ? [{ command: 'howdah watch', why: 'the steps of the newest run, live' }] : []),
    { command: `howdah run ${agent} "Hello"`, why: 'runs an agent and prints its answer' },
    ...(server ? [] : ofDatabase(agent, workers)),
  ];
}

function ofDatabase(agent: string, workers: Status['workers']): NextCommand[] {
  return [
    { command: `howdah chat ${agent}`, why: 'a conversation with it' },
    workers?.alive === false
      ? { command: START, why: 'serves the API and works on runs' }
      : { command: 'howdah executions', why: 'the newest runs' },
  ];
}

/** Quotes a name as one word of a shell. */
function inShell(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${oneLine(name).replaceAll("'", "'\\''")}'`;
}
