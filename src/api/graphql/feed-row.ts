import './environment.ts';
import { type PgCodec, type PgResource, TYPES } from 'postgraphile/@dataplan/pg';
import { access, type ExecutionDetails, Step } from 'postgraphile/grafast';
import type { Json } from '../../contracts/json.ts';
import type { FeedRow } from '../../db/feed.ts';

/** The columns as fields of GraphQL take them. */
type Row = Record<string, unknown>;

/** Many subscribers get the same row: it is decoded for the first of them. */
const decoded = new WeakMap<FeedRow, Row>();

/**
 * A row of the feed in the place of a row that was selected: its columns and whatever is derived from them
 * (relations, nodeId) work as in queries, but a subscriber's event costs no SQL unless relations are asked for.
 */
export class FeedRowStep extends Step<Row> {
  static $$export = { moduleName: 'howdah', exportName: 'FeedRowStep' };
  override isSyncAndSafe = true;
  readonly #resource: PgResource;

  constructor(resource: PgResource, $event: Step<FeedRow>) {
    super();
    this.#resource = resource;
    this.addDependency($event);
  }

  get(column: string): Step {
    if (!this.#resource.codec.attributes?.[column]) {
      throw new Error(`a feed of ${this.#resource.name} has no column ${column}`);
    }
    return access(this, column);
  }

  override execute({ indexMap, values: [events] }: ExecutionDetails<[FeedRow]>) {
    return indexMap((index) => rowOf(events.at(index), this.#resource));
  }
}

function rowOf(event: FeedRow, resource: PgResource): Row {
  const known = decoded.get(event);
  if (known) return known;
  const row: Row = {};
  for (const [column, { codec }] of Object.entries(resource.codec.attributes ?? {})) {
    row[column] = decode(codec, event.step[column] ?? null);
  }
  decoded.set(event, row);
  return row;
}

/** The feed carries JSON as it is, and everything else so that its text is the one Postgres gives. */
function decode(codec: PgCodec, value: Json): unknown {
  if (value === null || codec === TYPES.jsonb) return value;
  return codec.fromPg(String(value));
}
