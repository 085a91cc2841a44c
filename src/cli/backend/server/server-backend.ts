import type { ModelTestReport } from '../../../contracts/agents/model-test.ts';
import type { Backend } from '../backend.ts';
import { callOnServer } from '../call-operation.ts';
import type { Api } from '../connect-server.ts';
import { ServerChat } from './server-chat.ts';
import { createServerDefinitions } from './server-definitions.ts';
import { createServerLog } from './server-log.ts';
import { createServerQuestions } from './server-questions.ts';
import { createServerRuns } from './server-runs.ts';

/** Creates the backend for a server. */
export function createServerBackend(api: Api): Backend {
  return {
    runs: createServerRuns(api),
    questions: createServerQuestions(api),
    log: createServerLog(api),
    definitions: createServerDefinitions(api),
    call: callOnServer(api),
    openChat: async (options) => new ServerChat(api, options),
    testModel: async (model) =>
      (await api.request('POST', '/api/models/test', { model })) as unknown as ModelTestReport,
    isAnyWorkerAlive: async () => true,
    withWorker: (work) => work(),
  };
}
