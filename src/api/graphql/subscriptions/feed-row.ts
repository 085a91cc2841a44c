import '../environment.ts';
import { type PgCodec, type PgResource, TYPES } from 'postgraphile/@dataplan/pg';
import { access, type ExecutionDetails, Step } from 'postgraphile/grafast';
import { type FeedRow, type SessionRow, sessionCursorText } from '../../../db/feed/feed.ts';
import type { Json } from '../../../json/json.ts';

/** The columns as fields of GraphQL take them. */
type Row = Record<string, unknown>;
type FeedEvent = FeedRow | SessionRow;

/** Many subscribers get the same row: it is decoded for the first of them. */
const decoded = new WeakMap<FeedEvent, Row>();

/**
 * A row of the feed in the place of a row that was selected: its columns and whatever is derived from them
 * (relations, nodeId) work as in queries, but a subscriber's event costs no SQL unless relations are asked for.
 */
export class FeedRowStep extends Step<Row> {
  static $$export = { moduleName: 'howdah', exportName: 'FeedRowStep' };
  override isSyncAndSafe = true;
  readonly #resource: PgResource;

  constructor(resource: PgResource, $event: Step<FeedEvent>) {
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

  /** Of a message of a session: its place there. */
  cursor(): Step {
    return access(this, 'cursor');
  }

  override execute({ indexMap, values: [events] }: ExecutionDetails<[FeedEvent]>) {
    return indexMap((index) => rowOf(events.at(index), this.#resource));
  }
}

function rowOf(event: FeedEvent, resource: PgResource): Row {
  const known = decoded.get(event);
  if (known) return known;
  const columns = 'step' in event ? event.step : event.message;
  const row: Row = 'turn' in event ? { cursor: sessionCursorText(event.cursor) } : {};
  for (const [column, { codec }] of Object.entries(resource.codec.attributes ?? {})) {
    row[column] = decode(codec, columns[column] ?? null);
  }
  decoded.set(event, row);
  return row;
}

/** The feed carries JSON as it is, and everything else so that its text is the one Postgres gives. */
function decode(codec: PgCodec, value: Json): unknown {
  if (value === null || codec === TYPES.jsonb) return value;
  return codec.fromPg(String(value));
}
