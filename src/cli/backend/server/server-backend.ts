import type { Operations } from '../../../client/operations.generated.ts';
import type { ModelTestReport } from '../../../contracts/agents/model-test.ts';
import type { IssuedSigningKey } from '../../../contracts/secret.ts';
import type { AuditFilter } from '../../../db/access/audit-log.ts';
import type { ErasedPerson } from '../../../db/queries/personal-data.ts';
import type { Backend } from '../backend.ts';
import { callOnServer } from '../call-operation.ts';
import type { Api } from '../connect-server.ts';
import { allRows } from '../pages.ts';
import { ServerChat } from './server-chat.ts';
import { createServerDefinitions } from './server-definitions.ts';
import { createServerLog } from './server-log.ts';
import { createServerQuestions } from './server-questions.ts';
import { createServerRuns } from './server-runs.ts';
import { createServerSettings } from './server-settings.ts';

/** Creates the backend for a server. */
export function createServerBackend(api: Api): Backend {
  return {
    runs: createServerRuns(api),
    questions: createServerQuestions(api),
    log: createServerLog(api),
    definitions: createServerDefinitions(api),
    call: callOnServer(api),
    settings: (scope) => createServerSettings(api, scope),
    openChat: async (options) => new ServerChat(api, options),
    testModel: async (model) =>
      (await api.request('POST', '/api/models/test', { model })) as unknown as ModelTestReport,
    async issueSigningKey(webhookId, rotates) {
      const path = webhookId === null ? '/api/callbacks' : `/api/webhooks/${webhookId}`;
      const answer = await api.request('POST', `${path}/signing-key`, { rotate: rotates });
      return answer as unknown as IssuedSigningKey;
    },
    async runSchedule(schedule) {
      const { id, status } = await api.call('runSchedule', { params: { id: schedule } });
      return { id, status };
    },
    async eraseUser({ id, mode, cancelLive }, isDryRun) {
      const body = { mode, cancel_live: cancelLive, ...(isDryRun && { dry_run: true }) };
      return (await api.request('POST', `/api/users/${id}/erase`, body)) as ErasedPerson;
    },
    readAuditLog: (filter, most) => readAuditLog(api, filter, most),
    isAnyWorkerAlive: async () => true,
    withWorker: (work) => work(),
  };
}

/** Reads the newest entries. Conditions that are not set are left out of the query. */
function readAuditLog(api: Api, filter: AuditFilter, most: number) {
  const set = Object.entries(filter).filter(([, value]) => value !== undefined);
  const query: Operations['listAuditLog']['takes']['query'] = Object.fromEntries(set);
  return allRows((page) => api.call('listAuditLog', { query: { ...query, ...page } }), most);
}
