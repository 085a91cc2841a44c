import '../../environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { access, context, type Step, sideEffect } from 'postgraphile/grafast';
import { GraphQLError } from 'postgraphile/graphql';
import { extendSchema, gql } from 'postgraphile/utils';
import { HowdahError } from '../../../../contracts/errors.ts';
import type { IssuedSigningKey } from '../../../../contracts/secret.ts';
import { putSecretStatement } from '../../../../db/access/secrets.ts';
import { signingKeyRowsOn } from '../../../../db/access/signing-keys.ts';
import type { Queryable } from '../../../../db/connection/pool.ts';
import { issueSigningKey } from '../../../../secrets/signing-keys.ts';
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

    """
    Generates the signing key of a webhook, or of all callback URLs, and returns it once. A key that was shown before
    is replaced only with rotate.
    """
    issueSigningKey(input: IssueSigningKeyInput!): IssueSigningKeyPayload
  }

  input IssueSigningKeyInput {
    """The webhook. Without one, the key is that of all callback URLs."""
    webhookId: UUID
    """True replaces a key that was shown before. The previous key also signs until it is removed."""
    rotate: Boolean
  }

  type IssueSigningKeyPayload {
    """The key, in the format of Standard Webhooks. No other operation returns it."""
    signingKey: String!
    """The secret that holds the key."""
    secretName: String!
    """The secret of the previous key, which also signs."""
    previousSecretName: String
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

type Caller = Readonly<{
  tenantId: string;
  writer: SecretWriter;
  withPgClient: WithPgClient;
  pgSettings: Record<string, string>;
}>;
type Setting = Caller & Readonly<{ name: string; value: string }>;
type Issuing = Caller & Readonly<{ webhookId?: string | null; rotate?: boolean | null }>;

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
          issueSigningKey(_$root, { $input }) {
            const $context = context();
            return sideEffect(
              {
                webhookId: access<string | null>($input as Step, 'webhookId'),
                rotate: access<boolean | null>($input as Step, 'rotate'),
                tenantId: $context.get('tenantId'),
                writer: $context.get('secrets'),
                withPgClient: $context.get('withPgClient'),
                pgSettings: $context.get('pgSettings'),
              },
              (issuing) => issueKey(issuing as Issuing),
            );
          },
        },
      },
      IssueSigningKeyPayload: {
        plans: {
          signingKey: ($issued: Step) => access<string>($issued, 'signing_key'),
          secretName: ($issued: Step) => access<string>($issued, 'secret_name'),
          previousSecretName: ($issued: Step) => access<string>($issued, 'previous_secret_name'),
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
    throw asGraphQLError(error);
  }
}

/** Generates a signing key in one transaction, as the caller. */
async function issueKey(issuing: Issuing): Promise<IssuedSigningKey> {
  const { writer, tenantId, webhookId, rotate, withPgClient, pgSettings } = issuing;
  const key = { webhookId: webhookId ?? null, rotates: rotate === true };
  try {
    return await withPgClient(pgSettings, (client) =>
      client.withTransaction((transaction) => {
        const query = (text: string, values: unknown[]) => transaction.query({ text, values });
        const rows = signingKeyRowsOn({ query } as unknown as Queryable, tenantId, key);
        return issueSigningKey(writer, tenantId, rows);
      }),
    );
  } catch (error) {
    throw asGraphQLError(error);
  }
}

function asGraphQLError(error: unknown): unknown {
  if (!(error instanceof HowdahError)) return error;
  const { code, message, hint, detail } = error;
  return new GraphQLError(message, { extensions: { code, hint, detail } });
}
