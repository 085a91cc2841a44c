import { isJsonObject, type Json } from '../../json/json.ts';
import { QueryRefusal } from './refusal.ts';

/**
 * Limits of one query. The planner takes memory and time in the square of the joined tables and
 * hardly checks for cancellation. A sort may take all of work_mem. The parser's tree is therefore
 * counted before the server sees the query.
 */
const BOUNDS = {
  tables: { most: 30, advice: 'Join fewer tables, or split the query.' },
  selects: { most: 30, advice: 'Split the query, or write many rows of values as VALUES.' },
  levels: { most: 8, advice: 'Write sub-selects side by side in a WITH clause.' },
  columns: { most: 300, advice: 'Ask for fewer columns at once.' },
  sorts: {
    most: 30,
    advice: 'Use fewer window functions, and aggregates with DISTINCT or ORDER BY.',
  },
} as const;

const COUNTED: Readonly<Record<keyof typeof BOUNDS, string>> = {
  tables: 'tables',
  selects: 'SELECTs, sub-selects and parts of UNION among them',
  levels: 'levels of sub-selects',
  columns: 'expressions in SELECT lists',
  sorts: 'window functions and sorted or distinct aggregates',
};

type Counted = keyof typeof BOUNDS;

/** The counts of a query, which are compared with the limits when the whole query was walked. */
export class QueryCounts {
  readonly #counts: Record<Counted, number> = {
    tables: 0,
    selects: 0,
    levels: 0,
    columns: 0,
    sorts: 0,
  };
  #level = 0;

  add(what: Exclude<Counted, 'levels'>): void {
    this.#counts[what] += 1;
  }

  /** Runs `walk` one level of sub-selects deeper. */
  nest(walk: () => void): void {
    this.#level += 1;
    this.#counts.levels = Math.max(this.#counts.levels, this.#level);
    walk();
    this.#level -= 1;
  }

  /** Refuses counts over a limit, and reports the whole count rather than the first one over it. */
  refuseTooMany(): void {
    for (const [what, { most, advice }] of Object.entries(BOUNDS)) {
      const found = this.#counts[what as Counted];
      if (found > most) {
        const words = COUNTED[what as Counted];
        throw new QueryRefusal(`it has ${found} ${words}, at most ${most} are allowed`, advice);
      }
    }
  }
}

/**
 * The maximum depth of the tree. The checks of a node look at the nodes below it, so their time
 * grows with the square of the depth.
 */
const MAX_DEPTH = 200;

/** Refuses a deep tree, before the checks of its nodes. Takes no stack of its own. */
export function refuseDepth(tree: Json): void {
  const rest: { value: Json; depth: number }[] = [{ value: tree, depth: 0 }];
  for (let next = rest.pop(); next; next = rest.pop()) {
    const { value, depth } = next;
    if (depth > MAX_DEPTH) {
      throw new QueryRefusal(
        `its expressions have more than ${MAX_DEPTH} levels`,
        'Write parts of them as columns of a WITH clause, and a long sum as sums in parentheses.',
      );
    }
    if (Array.isArray(value)) for (const one of value) rest.push({ value: one, depth });
    else if (isJsonObject(value)) {
      for (const [key, child] of Object.entries(value)) {
        rest.push({ value: child as Json, depth: depth + (/^[A-Z]/.test(key) ? 1 : 0) });
      }
    }
  }
}
