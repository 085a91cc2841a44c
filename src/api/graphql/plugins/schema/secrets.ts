import '../../environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { access, context, type Step, sideEffect } from 'postgraphile/grafast';
import { GraphQLError } from 'postgraphile/graphql';
import { extendSchema, gql } from 'postgraphile/utils';
import { HowdahError } from '../../../../contracts/errors.ts';
import { putSecretStatement } from '../../../../db/access/secrets.ts';
import type { SecretWriter } from '../../../../secrets/writer.ts';

declare global {
  namespace Grafast {
    interface Context {
      /** The writer that encrypts secrets, and the tenant of the operation. */
      secrets: SecretWriter;
      tenantId: string;
    }
  }
}

const typeDefs = gql`
  extend type Mutation {
    """
    Stores a secret, or gives it a new value. The value is encrypted before it is sent to the database, and no
    operation returns it. Send the value as a variable.
    """
    setSecret(input: SetSecretInput!): SetSecretPayload
  }

  input SetSecretInput {
    """The name by which models refer to the secret (\`secretName\`): letters, digits, _ . and -."""
    name: String!
    """At most 64 KB of text."""
    value: String!
  }

  type SetSecretPayload {
    secret: Secret
  }
`;

type Setting = Readonly<{
  name: string;
  value: string;
  tenantId: string;
  writer: SecretWriter;
  withPgClient: WithPgClient;
  pgSettings: Record<string, string>;
}>;

/**
 * Adds the mutation that encrypts a value in this process. put_secret runs as the caller and checks
 * whether the caller may store the secret.
 */
export const SecretsPlugin = extendSchema((build) => {
  const { secrets } = build.input.pgRegistry.pgResources;
  if (!secrets) throw new Error('the schema lacks the secrets');
  return {
    typeDefs,
    objects: {
      Mutation: {
        plans: {
          setSecret(_$root, { $input }) {
            const $context = context();
            return sideEffect(
              {
                name: access<string>($input as Step, 'name'),
                value: access<string>($input as Step, 'value'),
                tenantId: $context.get('tenantId'),
                writer: $context.get('secrets'),
                withPgClient: $context.get('withPgClient'),
                pgSettings: $context.get('pgSettings'),
              },
              (setting) => setSecret(setting as Setting),
            );
          },
        },
      },
      SetSecretPayload: {
        plans: {
          secret: ($id: Step<string>) => secrets.get({ id: $id }),
        },
      },
    },
  };
});

async function setSecret(setting: Setting): Promise<string> {
  const { writer, tenantId, name, value, withPgClient, pgSettings } = setting;
  try {
    return await writer.set(tenantId, name, value, async (secret, traits) => {
      const statement = putSecretStatement(secret, traits);
      const { rows } = await withPgClient(pgSettings, (client) =>
        client.query<{ id: string | null }>(statement),
      );
      return rows[0]?.id;
    });
  } catch (error) {
    if (!(error instanceof HowdahError)) throw error;
    const { code, message, hint, detail } = error;
    throw new GraphQLError(message, { extensions: { code, hint, detail } });
  }
}
