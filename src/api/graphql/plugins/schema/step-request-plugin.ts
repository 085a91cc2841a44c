import '../../environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { context, type FieldArgs, lambda, type Step } from 'postgraphile/grafast';
import { GraphQLError } from 'postgraphile/graphql';
import { extendSchema, gql } from 'postgraphile/utils';
import { HowdahError } from '../../../../contracts/errors.ts';
import type { JsonObject } from '../../../../json/json.ts';
import { parseJson } from '../../../../json/parse-json.ts';
import { rebuildRequest } from '../../../../runtime/replay/rebuild-request.ts';

const typeDefs = gql`
  extend type Query {
    """
    The request that a step sent to its model: model, messages, tools, tool_choice and output_schema. It is computed
    again from the version of the agent and the log before the step, by the functions that sent it.
    """
    stepRequest(executionId: UUID!, seq: Int!): JSON
  }
`;

type Asked = {
  id: string;
  seq: number;
  withPgClient: WithPgClient;
  pgSettings: Record<string, string>;
};

/** Adds the query that rebuilds the request of a step. */
export const StepRequestPlugin = extendSchema(() => ({
  typeDefs,
  objects: {
    Query: {
      plans: {
        stepRequest(_$root: Step, args: FieldArgs) {
          const $context = context();
          const asked = [
            ...[args.getRaw('executionId'), args.getRaw('seq')],
            ...[$context.get('withPgClient'), $context.get('pgSettings')],
          ] as const;
          return lambda(asked, ([id, seq, withPgClient, pgSettings]) =>
            readRequest({ id, seq, withPgClient, pgSettings } as Asked),
          );
        },
      },
    },
  },
}));

async function readRequest({ id, seq, withPgClient, pgSettings }: Asked): Promise<JsonObject> {
  const { rows } = await withPgClient(pgSettings, (client) =>
    client.query<{ run: string }>({
      text: 'select howdah.export_run($1)::text as run',
      values: [id],
    }),
  );
  try {
    return rebuildRequest(parseJson(rows[0]?.run ?? ''), seq) as unknown as JsonObject;
  } catch (error) {
    if (!(error instanceof HowdahError)) throw error;
    const { message, code, hint, detail } = error;
    throw new GraphQLError(message, { extensions: { code, hint, detail } });
  }
}
