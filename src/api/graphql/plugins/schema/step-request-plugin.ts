import '../../environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { context, type FieldArgs, lambda, type Step } from 'postgraphile/grafast';
import { GraphQLError } from 'postgraphile/graphql';
import { extendSchema, gql } from 'postgraphile/utils';
import { HowdahError } from '../../../../contracts/errors.ts';
import type { JsonObject } from '../../../../json/json.ts';
import { REBUILT_HOW, readStepRequest } from '../../../../operations/runs/step-request.ts';

const typeDefs = gql`
  extend type Query {
    """
    The request that a step sent to its model: model, messages, tools, tool_choice and output_schema.
    ${REBUILT_HOW}
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
  const ask = (text: string, values: unknown[]) =>
    withPgClient(pgSettings, (client) => client.query<{ run: string }>({ text, values }));
  try {
    return (await readStepRequest(ask, id, seq)) as unknown as JsonObject;
  } catch (error) {
    if (!(error instanceof HowdahError)) throw error;
    const { message, code, hint, detail } = error;
    throw new GraphQLError(message, { extensions: { code, hint, detail } });
  }
}
