import '../../environment.ts';
import { type PgInsertSingleStep, PgSelectSingleStep, TYPES } from 'postgraphile/@dataplan/pg';
import { sql } from 'postgraphile/pg-sql2';
import { extendSchema, gql } from 'postgraphile/utils';

const typeDefs = gql`
  extend type Agent {
    """The model for answers, in the format of other systems. Of the key, only the last four characters are shown."""
    llmProviderConfig: JSON
    """The model for speech, in the same format."""
    ttsProviderConfig: JSON
    """The model for transcription, in the same format."""
    sttProviderConfig: JSON
  }
`;

/**
 * Adds the models of an agent as REST shows them, read in the query that reads the agent. A
 * function of the row would need all its columns, and the application may not read all of them.
 */
export const ProviderConfigsPlugin = extendSchema((build) => {
  const { agents } = build.input.pgRegistry.pgResources;
  if (!agents) throw new Error('the schema lacks the agents');
  const selectConfig =
    (purpose: 'llm' | 'tts' | 'stt') => ($row: PgSelectSingleStep | PgInsertSingleStep) => {
      // the row that a mutation returns is read once more
      const $agent = $row instanceof PgSelectSingleStep ? $row : agents.get({ id: $row.get('id') });
      const { alias } = $agent.getClassStep();
      const call = sql`howdah_private.provider_config(${alias}.id, ${sql.literal(purpose)})`;
      return $agent.select(call, TYPES.jsonb);
    };
  return {
    typeDefs,
    objects: {
      Agent: {
        plans: {
          llmProviderConfig: selectConfig('llm'),
          ttsProviderConfig: selectConfig('tts'),
          sttProviderConfig: selectConfig('stt'),
        },
      },
    },
  };
});
