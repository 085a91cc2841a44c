import '../environment.ts';
import { type PgCodec, type PgResource, TYPES } from 'postgraphile/@dataplan/pg';
import { access, type ExecutionDetails, Step } from 'postgraphile/grafast';
import { messageCursorText, type SessionRow } from '../../../db/feed/feed.ts';
import type { FeedRow } from '../../../db/feed/tree-rows.ts';
import type { Json } from '../../../json/json.ts';

/** The columns in the form that fields of GraphQL take. */
type Row = Record<string, unknown>;
type FeedEvent = FeedRow | SessionRow;

/**
 * The decoded rows. Many subscribers get the same row, which is decoded once, for the first of
 * them.
 */
const decoded = new WeakMap<FeedEvent, Row>();

/**
 * A row of the feed in the place of a selected row. Its columns and everything derived from them
 * (relations, nodeId) work as in queries. An event costs no SQL unless the subscriber selects
 * relations.
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

  /** Returns the place of a message in its session. */
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
  const row: Row = 'turn' in event ? { cursor: messageCursorText(event.cursor) } : {};
  for (const [column, { codec }] of Object.entries(resource.codec.attributes ?? {})) {
    row[column] = decode(codec, columns[column] ?? null);
  }
  decoded.set(event, row);
  return row;
}

/**
 * Decodes a value of the feed. The feed carries JSON as it is, and any other value such that its
 * text is the text that Postgres gives.
 */
function decode(codec: PgCodec, value: Json): unknown {
  if (value === null || codec === TYPES.jsonb) return value;
  return codec.fromPg(String(value));
}
