import '../../environment.ts';
import 'postgraphile';
import { PgSelectSingleStep } from 'postgraphile/@dataplan/pg';
import type { Step } from 'postgraphile/grafast';
import { RUN_COUNTERS } from '../../../../db/queries/run-counters.ts';

/** The sentence for readers of SQL in the comments of these columns. */
const FOR_SQL = / In SQL, execution_counters is exact while the run is running\.$/;

/**
 * Reads the counters of runs from their heads, since the row of a running run may be behind. The
 * row that a mutation returns was just written, so it is exact.
 */
export const RunCountersPlugin: GraphileConfig.Plugin = {
  name: 'HowdahRunCountersPlugin',
  version: '1.0.0',
  after: ['PgAttributesPlugin'],
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, build, { scope }) {
        const columns = build.pgResources.executions?.codec.attributes ?? {};
        const column = RUN_COUNTERS.find((name) => columns[name] === scope.pgFieldAttribute);
        if (!scope.pgFieldAttribute || !column) return field;
        const { sql } = build;
        const { codec } = scope.pgFieldAttribute;
        const name = sql.identifier(column);
        return {
          ...field,
          description: field.description?.replace(FOR_SQL, ''),
          plan($run: Step) {
            if (!($run instanceof PgSelectSingleStep)) {
              return ($run as unknown as { get(column: string): Step }).get(column);
            }
            const { alias } = $run.getClassStep();
            const head = sql`select h.${name} from howdah_private.run_heads as h where h.execution_id = ${alias}.id`;
            const counter = sql`case when ${alias}.status = 'running' then coalesce((${head}), ${alias}.${name}) else ${alias}.${name} end`;
            return $run.select(counter, codec, true);
          },
        };
      },
    },
  },
};
