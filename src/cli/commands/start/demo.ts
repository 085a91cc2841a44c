import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../../../config.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import { followExecutions } from '../../../db/feed/follow-runs.ts';
import { describeDefaultModel } from '../../../db/queries/queries.ts';
import { PACKAGE_ROOT } from '../../../package-root.ts';
import { withInlineWorker } from '../../backend/database/inline-worker.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, paintResult, printTable } from '../../output/output.ts';
import { plainText } from '../../output/terminal-text.ts';
import { errorOf, stepLine } from '../../print/step-line.ts';

/**
 * Registers `howdah demo`: one plain insert turns tickets of customers into executions, and agents
 * answer them live. A question in German is answered with SQL.
 */
export function register(command: Command, io: CliIo): void {
  command.description(DESCRIPTION).action(() =>
    withDatabase(
      io,
      async (database) => {
        const { pool, config, url } = database;
        await setUpShop(pool);
        await withInlineWorker(io, database, async () => {
          io.out(`Model: ${await describeDefaultModel(database.db)}`);
          const ids = await insertTickets(io, pool);
          await showAll(io, url, ids);
          await writeReplies(io, pool, [...ids.keys()]);
          await analyse(io, pool, [...ids.keys()]);
          await askForFigures(io, pool, url);
        });
        goOn(io, config);
      },
      { installsSchema: true, ignoresServers: true, preloadWorker: true },
    ),
  );
}

const DESCRIPTION = `run a demo: an agent answers the tickets of a small shop

Needs no API key. Creates the following in the database of DATABASE_URL, or else
in the embedded PostgreSQL:

  schema shop    tables orders, stock, invoices and tickets; two functions,
                 which are tools
  agent support  with these tools, and a run for each of seven tickets
  agent analyst  which answers a question about the invoices with SQL

Each demo adds seven tickets. To remove the tables: drop schema shop cascade`;

function heading(io: CliIo, text: string): void {
  io.out(`\n${paintResult(io, 'bold', text)}\n\n`);
}

async function setUpShop(pool: Pool): Promise<void> {
  const { rows } = await pool.query(
    `select obj_description(oid, 'pg_namespace') as comment from pg_namespace where nspname = 'shop'`,
  );
  if (rows[0] && rows[0].comment !== 'Howdah demo') {
    throw new HowdahError(
      'HWCNF',
      'this database already has a schema named shop that is not part of the demo',
      {
        hint: 'Run the demo in another database: DATABASE_URL=… npm run demo, or unset DATABASE_URL.',
      },
    );
  }
  const text = readFileSync(join(PACKAGE_ROOT, 'examples/shop.sql'), 'utf8');
  await pool.query(text);
  await pool.query(
    'insert into shop.tickets (customer, body) select * from unnest($1::text[], $2::text[])',
    [TICKETS.map(([customer]) => customer), TICKETS.map(([, body]) => body)],
  );
}

const TICKETS = [
  ['Mara Lindqvist', 'Hello, where is my order A-1001? I need the backpack for the weekend.'],
  [
    'Jonas Weber',
    'My parcel A-1002 is marked as delivered but nothing is here. Who was the carrier?',
  ],
  [
    'Priya Nair',
    'Has order A-1003 left your warehouse yet, and when should I expect the delivery?',
  ],
  ['Mara Lindqvist', 'What is the status of my orders A-1001 and A-1004?'],
  ['Hanna Schulz', 'Wo ist meine Bestellung A-1006?'],
  ['Tomás Oliveira', 'When is the Down jacket available again? Is it in stock?'],
  ['Ada Brandt', 'Can you tell me the status of order A-9999?'],
] as const;

const INSERT = `insert into howdah.executions (agent_id, input, metadata)
select howdah.agent('support'), body, jsonb_build_object('ticket_id', id)
from shop.tickets where reply is null`;

async function insertTickets(io: CliIo, pool: Pool): Promise<Map<string, number>> {
  heading(io, 'One insert turns tickets into executions:');
  io.out(INSERT);
  const { rows } = await pool.query(`${INSERT} returning id, metadata -> 'ticket_id' as ticket`);
  return new Map(rows.map((row) => [row.id, row.ticket]));
}

async function showAll(io: CliIo, url: string, ids: Map<string, number>): Promise<void> {
  heading(io, 'Steps, as they are committed:');
  const stop = new AbortController();
  io.onInterrupt(() => stop.abort());
  for await (const event of followExecutions(url, [...ids.keys()], stop.signal)) {
    const ticket = `ticket ${ids.get(event.id)}`.padEnd(10);
    if (event.type === 'step') {
      io.out(`${ticket} ${stepLine(io, event.step)}`);
    } else if (event.type === 'end' && event.execution.status !== 'completed') {
      io.out(`${ticket} ${event.execution.status}: ${errorOf(event.execution.error)}`);
      io.setExitCode(exitCodes.runFailed);
    }
  }
}

async function writeReplies(io: CliIo, pool: Pool, ids: string[]): Promise<void> {
  const { rows } = await pool.query(
    `update shop.tickets as t set reply = e.output
     from howdah.executions as e
     where t.id = (e.metadata ->> 'ticket_id')::int and e.id = any ($1) and e.status = 'completed'
     returning t.id, t.customer, t.body, t.reply`,
    [ids],
  );
  rows.sort((one, other) => one.id - other.id);
  heading(io, 'The answers are stored with the tickets, in shop.tickets:');
  for (const { id, customer, body, reply } of rows) {
    io.out(`#${id} ${customer}: ${body}\n   ${plainText(reply).replaceAll('\n', '\n   ')}`);
  }
}

const ANALYSIS = `select e.metadata ->> 'ticket_id' as ticket, e.status, e.step_count as steps,
  e.tokens_in + e.tokens_out as tokens, round(e.cost, 6) as cost,
  round(extract(epoch from e.started_at - e.created_at) * 1000) as waited_ms,
  round(extract(epoch from e.completed_at - e.started_at) * 1000) as ran_ms
from howdah.executions as e where e.agent_id = howdah.agent('support')`;

async function analyse(io: CliIo, pool: Pool, ids: string[]): Promise<void> {
  heading(io, 'Everything that happened can be queried in SQL:');
  io.out(`${ANALYSIS}\n\n`);
  const { rows } = await pool.query(`${ANALYSIS} and e.id = any ($1) order by e.id`, [ids]);
  printTable(io, rows);
}

const QUESTION = 'Wie hoch waren die Einnahmen im ersten Quartal?';

/** Asks a question in German without naming an agent, and shows decision, SQL and answer. */
async function askForFigures(io: CliIo, pool: Pool, url: string): Promise<void> {
  heading(io, 'A question that names no agent goes to the manager, which chooses one:');
  io.out(`select (howdah.run('manager', '${QUESTION}')).id\n`);
  const { rows } = await pool.query(`select (howdah.run('manager', $1)).id`, [QUESTION]);
  const stop = new AbortController();
  io.onInterrupt(() => stop.abort());
  for await (const event of followExecutions(url, [rows[0].id], stop.signal)) {
    if (event.type === 'end' && event.execution.status !== 'completed') {
      io.out(`${event.execution.status}: ${errorOf(event.execution.error)}`);
      io.setExitCode(exitCodes.runFailed);
    }
  }
  const { rows: decisions } = await pool.query(
    'select method, chosen, reason from howdah.routing_decisions where execution_id = $1',
    [rows[0].id],
  );
  printTable(io, decisions);
  const { rows: queries } = await pool.query(QUERIES, [rows[0].id]);
  for (const { query } of queries) io.out(`\n${plainText(query)}`);
  const { rows: runs } = await pool.query('select output from howdah.executions where id = $1', [
    rows[0].id,
  ]);
  io.out(`\n${plainText(runs[0].output ?? '')}`);
}

const QUERIES = `select s.input ->> 'query' as query
from howdah.steps as s join howdah.executions as e on e.id = s.execution_id
where e.root_execution_id = $1 and s.kind = 'tool' and s.name = 'sql_query' and s.output ? 'rows'
order by s.finished_at, s.seq`;

function goOn(io: CliIo, config: Config): void {
  const url = config.databaseUrl === undefined ? '$(npx howdah db url)' : '$DATABASE_URL';
  heading(io, 'Next steps:');
  io.out(`  npx howdah run support "Where is my order A-1005?"
  npx howdah run manager "Umsatz pro Quartal"
  npx howdah start                           # in another terminal: API and worker on http://127.0.0.1:${config.port}
  psql "${url}" -c "call howdah.ask('support', 'Where is A-1003?')"
  curl -s http://127.0.0.1:${config.port}/graphql -H 'content-type: application/json' \\
    -d '{"query":"{ executions(first: 3, orderBy: [ID_DESC]) { nodes { id status output steps { nodes { seq kind name } } } } }"}'`);
  if (config.databaseUrl === undefined) {
    io.out(
      '\nPostgreSQL keeps running in the background, so that psql can connect. Stop it: npx howdah db stop',
    );
  }
}
