import { oneLine } from '../output/terminal-text.ts';
import type { Status } from './status.ts';

/** A command that is likely to be wanted now, and its purpose. */
export type NextCommand = { command: string; why: string };

const MOST = 3;
const HELP = { command: 'howdah --help', why: 'list all commands' };
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
      {
        command: `howdah admin login ${server.url}`,
        why: 'log in again with a key from standard input',
      },
      { command: 'howdah admin profiles', why: 'list the login profiles' },
      { command: 'howdah --profile none', why: 'use the database of this machine instead' },
    ];
  }
  if (database?.state === 'empty') {
    return [
      {
        command: 'howdah migrate up',
        why: 'install the schema in this database, if it is the right one',
      },
      { command: START, why: 'install the schema, then run the API and a worker' },
    ];
  }
  if (!database?.is_embedded) {
    return [
      { command: 'howdah migrate status --wait 1m', why: 'wait up to a minute for that server' },
      { command: 'howdah --database-url URL', why: 'use another database' },
    ];
  }
  const isNew = database.state === 'none';
  return [
    {
      command: START,
      why: isNew
        ? 'run the API and a worker with an embedded PostgreSQL; set DATABASE_URL to use your own'
        : 'start it, and run the API and a worker',
    },
    isNew
      ? { command: 'howdah demo', why: 'run a demo: an agent answers the tickets of a small shop' }
      : { command: 'howdah db start', why: 'start only the database' },
  ];
}

function ofSchema({ schema }: Status): NextCommand[] {
  if (schema === null) return [];
  if (schema.newer > 0) {
    return [
      {
        command: 'howdah migrate status',
        why: 'list the migrations of the newer release, which is needed here',
      },
    ];
  }
  if (schema.pending === 0 && schema.sql === 'current') return [];
  const save = { command: 'howdah admin backup', why: 'back up the database to a file first' };
  return [
    { command: 'howdah migrate up', why: 'migrate the schema to this release' },
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
      ? [{ command: 'howdah questions', why: 'list the other open questions' }]
      : []),
  ];
}

function ofWork({ runs, workers, alerts, model }: Status): NextCommand[] {
  const isLeftAlone = workers?.alive === false && (runs?.queued ?? 0) + (runs?.running ?? 0) > 0;
  const failed = runs?.newest_failed;
  return [
    ...(isLeftAlone ? [{ command: 'howdah worker', why: 'start a worker: none is running' }] : []),
    ...(alerts && alerts.critical > 0
      ? [{ command: 'howdah admin alerts --now', why: 'list the current alerts' }]
      : []),
    ...(failed
      ? [
          { command: `howdah explain ${failed}`, why: 'explain why the newest failed run failed' },
          {
            command: `howdah runs retry ${failed}`,
            why: 'continue it after its last successful step',
          },
        ]
      : []),
    ...(model?.provider === 'local' && runs?.has_llm === false
      ? [
          {
            command: `OPENAI_API_KEY=… ${START}`,
            why: 'use a model of OpenAI, or set the key of another vendor, such as ANTHROPIC_API_KEY; the built-in model only looks things up',
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
    ...(isLive ? [{ command: 'howdah watch', why: 'follow the steps of the newest run' }] : []),
    { command: `howdah run ${agent} "Hello"`, why: 'run an agent and print its answer' },
    ...(server ? [] : ofDatabase(agent, workers)),
  ];
}

function ofDatabase(agent: string, workers: Status['workers']): NextCommand[] {
  return [
    { command: `howdah chat ${agent}`, why: 'chat with the agent' },
    workers?.alive === false
      ? { command: START, why: 'run the API and a worker' }
      : { command: 'howdah runs', why: 'list the newest runs' },
  ];
}

/** Quotes a name as one word of a shell. */
function inShell(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : `'${oneLine(name).replaceAll("'", "'\\''")}'`;
}
