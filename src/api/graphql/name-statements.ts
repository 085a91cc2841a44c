import { createHash } from 'node:crypto';
import type { PoolClient } from '../../db/connection/pool.ts';

/** The use at which a statement gets a name, so that queries that are sent once get none. */
const NAMED_FROM = 3;
/** Most named statements of a connection. The server keeps a plan of each in memory. */
const MAX_NAMED = 20;
/** Most statements whose uses are counted. */
const MAX_COUNTED = 500;

/**
 * Matches statements of Grafast whose only value is an id, or ids as JSON. The settings of a
 * transaction are sent in the same way.
 */
const READS_BY_ID = /\."id" = \$1::"uuid"\);?\s*$|json_array_elements\(\$1::json\)/;

type Statement = { text: string; values?: readonly unknown[]; name?: string };

/**
 * Makes a connection keep the plans of statements that read rows by their ids. Planning them takes
 * longer than reading, and their plan is the same for all ids and tenants. The best plan of other
 * statements depends on their values, so they are planned each time.
 *
 * A migration that changes the type of a column that such a statement returns makes its next use
 * on this connection fail with `0A000`. It gets another name then.
 */
export function nameStatements(client: PoolClient): void {
  const names = new StatementNames();
  const query = client.query.bind(client) as (input: unknown, ...rest: unknown[]) => unknown;
  const namedQuery = (input: string | Statement, ...rest: unknown[]) => {
    if (typeof input === 'string' || rest.length > 0 || !readsById(input)) {
      return query(input, ...rest);
    }
    const name = names.of(input.text);
    if (name === undefined) return query(input);
    return (query({ ...input, name }) as Promise<unknown>).catch((error: unknown) => {
      if ((error as { code?: string }).code === '0A000') names.renew();
      throw error;
    });
  };
  client.query = namedQuery as PoolClient['query'];
}

const readsById = ({ text, values, name }: Statement) =>
  name === undefined && values?.length === 1 && READS_BY_ID.test(text);

class StatementNames {
  readonly #uses = new Map<string, number>();
  #names = new Map<string, string>();
  #round = 0;

  /** Counts a use of a statement, and returns its name, if it has one. */
  of(text: string): string | undefined {
    const name = this.#names.get(text);
    if (name !== undefined || this.#names.size >= MAX_NAMED) return name;
    const uses = (this.#uses.get(text) ?? 0) + 1;
    if (uses < NAMED_FROM) {
      if (this.#uses.size >= MAX_COUNTED) this.#uses.clear();
      this.#uses.set(text, uses);
      return undefined;
    }
    this.#uses.delete(text);
    const digest = createHash('md5').update(text).digest('hex');
    this.#names.set(text, `by_id_${this.#round}_${digest}`);
    return this.#names.get(text);
  }

  /** Makes all statements get other names. */
  renew(): void {
    this.#names = new Map();
    this.#round += 1;
  }
}
