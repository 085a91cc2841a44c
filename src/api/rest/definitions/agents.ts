import { agents as described } from '../../../resources/definitions/agents.ts';
import type { Resource } from '../../../resources/resource.ts';
import { providerConfig } from './provider-config-aliases.ts';
import { configFields, readConfigs, shownConfigs, writeConfigs } from './provider-configs.ts';

const shownConfig = providerConfig.nullable();

/** Agents as REST shows them: with the provider configurations of other systems. */
export const agents: Resource = {
  ...described,
  collection: {
    ...described.collection,
    shown: `${described.collection.shown}, ${shownConfigs}`,
  },
  row: described.row
    .extend({
      llm_provider_config: shownConfig,
      tts_provider_config: shownConfig,
      stt_provider_config: shownConfig,
    })
    .meta({ id: 'Agent' }),
  fields: described.fields.extend(configFields),
  async writeParts(db, agentId, body, { isWhole, ...writer }) {
    const before = await readConfigs(db, agentId);
    await described.writeParts?.(db, agentId, body, { isWhole, ...writer });
    await writeConfigs({ db, agentId, ...writer, isWhole }, body, before);
  },
};
