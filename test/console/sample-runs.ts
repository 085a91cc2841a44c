import type pg from 'pg';
import type { JsonObject } from '../../src/json/json.ts';
import { makeAgent, makeAgentTool } from '../runtime/arrange.ts';

/** Agents and a table for the pages of the console. */
export type Sample = {
  /** Starts a run of an agent by name. Returns its id. */
  run(agent: string, input: string): Promise<string>;
  /** Creates runs that start tomorrow, with metadata. Returns their ids. */
  runsOfTomorrow(count: number, metadata: JsonObject): Promise<string[]>;
};

const call = (name: string, args: JsonObject) => ({ tool_calls: [{ name, arguments: args }] });

/**
 * Creates the agents: `support` calculates and answers, `lead` asks `support`, `broken` fails,
 * `refunds` calls a SQL tool that needs an approval, and `florist` asks a person.
 */
export async function createSample(pool: pg.Pool, words = 'Your total is 42.'): Promise<Sample> {
  await createShop(pool);
  const prices = { input_price: 3, output_price: 15 };
  const support = await agentOf(pool, 'support', ['calculator'], prices, [
    call('calculator', { expression: '6 * 7' }),
    { content: words },
  ]);
  const askSupport = await makeAgentTool(pool, support);
  await agentOf(pool, 'lead', [askSupport], prices, [
    call(askSupport, { message: 'What is the total of order A-1001?' }),
    { content: 'Support says that the total is 42.' },
  ]);
  await agentOf(pool, 'broken', [], prices, []);
  await agentOf(pool, 'refunds', ['refund_order'], prices, [
    call('refund_order', { order_no: 'A-1001', cents: 1250 }),
    { content: 'The refund is on its way.' },
  ]);
  await agentOf(pool, 'florist', ['ask_user'], prices, [
    call('ask_user', { question: `Which flowers? ${words}`, options: ['roses', 'tulips'] }),
    { content: 'They will be delivered tomorrow.' },
  ]);
  return {
    async run(agent, input) {
      const { rows } = await pool.query(
        `insert into howdah.executions (agent_id, input, metadata)
         values (howdah.agent($1), $2, '{"order": 4711}') returning id`,
        [agent, input],
      );
      return rows[0].id as string;
    },
    async runsOfTomorrow(count, metadata) {
      const { rows } = await pool.query(
        `insert into howdah.executions (agent_id, input, metadata, run_at)
         select howdah.agent('support'), 'Tomorrow.', $2, now() + interval '1 day'
         from generate_series(1, $1) returning id`,
        [count, metadata],
      );
      return rows.map(({ id }) => id as string);
    },
  };
}

async function createShop(pool: pg.Pool): Promise<void> {
  await pool.query(`
    create schema sample_shop;
    create table sample_shop.orders (
      order_no text primary key, customer text, refunded_cents int not null default 0);
    insert into sample_shop.orders values ('A-1001', 'Ada Lovelace'), ('A-1002', 'Alan Turing');
    create function sample_shop.refund_order(order_no text, cents int) returns text
      language sql as $$
        update sample_shop.orders as o set refunded_cents = refund_order.cents
        where o.order_no = refund_order.order_no returning 'refunded ' || o.refunded_cents $$;
    comment on function sample_shop.refund_order(text, int) is 'Refunds an order.';
    grant usage on schema sample_shop to howdah_app;
    grant select, update on sample_shop.orders to howdah_app`);
  await pool.query(`select howdah.register_sql_tool('sample_shop.refund_order(text, int)')`);
  await pool.query(
    `update howdah.tools set requires_approval = true where id = howdah.tool('refund_order')`,
  );
}

async function agentOf(
  pool: pg.Pool,
  name: string,
  tools: string[],
  prices: { input_price: number; output_price: number },
  script: JsonObject[],
): Promise<string> {
  const id = await makeAgent(pool, { tools, models: [{ ...prices, script }], retry_for: 0 });
  await pool.query('update howdah.agents set name = $2 where id = $1', [id, name]);
  return id;
}
