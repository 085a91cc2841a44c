import { Semaphore } from './concurrency/semaphore.ts';
import type { Config } from './config.ts';
import type { ModelRef } from './contracts/agents/model.ts';
import type { EndedModelTest, TryUnsavedModel } from './contracts/agents/model-test.ts';
import { HowdahError } from './contracts/errors.ts';
import { createGuardedProviders, providerEnv } from './guarded-providers.ts';
import { parseJson } from './json/parse-json.ts';
import { findProvider } from './providers/registry.ts';
import { Redaction, SHORTEST_ECHO } from './redaction/redaction.ts';
import { testModel } from './runtime/model-calls/test-model.ts';
import { createEgress, type Egress } from './tools/egress.ts';

// Tests of models that are not stored. The process that got the request calls the model, because
// the key of such a model must not be written to the database, where a worker could read it.
//
// Models are reached through the guard of outgoing requests, since a user chooses the address, or a
// host as the provider. OpenAI without an address is not: its server is that of the environment,
// which an operator wrote. Models of a caller who owns the machine are not either, nor is a row of
// howdah.models whose address an owner of the database wrote.

/** Maximum number of models tested at once by a process. */
const MAX_CONCURRENT_TESTS = 4;

type Options = Pick<Config, 'egressAllow' | 'models' | 'providerPackages'>;

/** Creates the function that tests models which are not stored, in this process. */
export function createUnsavedModelTests(config: Options): TryUnsavedModel {
  const egress = createEgress({ allowPrivate: config.egressAllow });
  const providersFor = createGuardedProviders(providerEnv(config), egress);
  const semaphore = new Semaphore(MAX_CONCURRENT_TESTS);
  return (tested, { key, tenantId, ownsMachine, signal }) =>
    semaphore.run({ signal }, async () => {
      const { model } = tested;
      const isRow = model.id !== null;
      if (!ownsMachine && (!isRow || model.is_guarded)) {
        await refusePrivateAddress(egress, model, signal);
      }
      const isOfEnvironment = model.base_url === null && model.provider === 'openai';
      const isOpen = ownsMachine || isOfEnvironment || (isRow && !model.is_guarded);
      const found = findProvider(providersFor(isOpen ? {} : { is_guarded: true }), model);
      const context = { signal, tenant_id: tenantId, ...(key !== undefined && { key }) };
      return redactKey(await testModel(found, tested, context), key);
    });
}

/** Throws `HWDEN` for the address of a model that this process may not reach. */
async function refusePrivateAddress(
  egress: Egress,
  { base_url, provider }: ModelRef,
  signal: AbortSignal,
): Promise<void> {
  const isHost = base_url === null && provider.includes('.');
  const url = URL.parse(isHost ? `https://${provider}` : (base_url ?? ''));
  if (url === null) return;
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const found = await egress.addresses(host, port, signal);
  if (found.ok || found.error.code !== 'invalid_request') return; // the provider reports the others
  const field = isHost || url.host === provider ? 'provider' : 'base_url';
  throw new HowdahError('HWDEN', `${field} must have a public host name, not ${url.hostname}`, {
    hint: 'Ask an owner of the database to write it, or an operator to add the host and port to HOWDAH_EGRESS_ALLOW and start Howdah again.',
    detail: { field, host: url.hostname },
  });
}

/** Removes the key from a result, whatever a server or a package wrote into it. */
function redactKey({ result, seconds }: EndedModelTest, key: string | undefined): EndedModelTest {
  const redaction = Redaction.of(key === undefined ? [] : [key], { shortest: SHORTEST_ECHO });
  if (redaction.isEmpty) return { result, seconds };
  return { result: parseJson<typeof result>(redaction.text(JSON.stringify(result))), seconds };
}
