import { type Logger, pino } from 'pino';
import type { CustomEngine } from '../../src/contracts/agents/engine.ts';
import type { Hooks } from '../../src/contracts/agents/hook.ts';
import type { CustomTool } from '../../src/contracts/agents/tool.ts';
import { createEngines, findEngine } from '../../src/engines/registry.ts';
import { createGuardedProviders } from '../../src/guarded-providers.ts';
import { findProvider } from '../../src/providers/registry.ts';
import { createMasterKeys, type MasterKeys } from '../../src/secrets/master-keys.ts';
import { calculatorTool } from '../../src/tools/calculator/calculator.ts';
import { createEgress } from '../../src/tools/egress.ts';
import { extractTool } from '../../src/tools/extract.ts';
import { httpRequestTool } from '../../src/tools/http-request.ts';
import { runCodeTool } from '../../src/tools/run-code.ts';
import { startWorker, type Worker } from '../../workers/start-worker.ts';
import type { WorkerOptions } from '../../workers/worker-options.ts';

/** The default keys of workers and APIs in tests. */
export const TEST_MASTER_KEYS = createMasterKeys({ keys: [Buffer.alloc(32, 7)], file: undefined });

export type TestWorkerOptions = {
  /** URL of an OpenAI-compatible server, as in OPENAI_BASE_URL. */
  openai?: string;
  tools?: readonly CustomTool[];
  engines?: readonly CustomEngine[];
  hooks?: Hooks;
  concurrency?: number;
  /**
   * Number of concurrent wake-ups, 3 by default. Each has a connection, whose first statements cost
   * as much as a test.
   */
  wakeUpSlots?: number;
  answerWithinMs?: number;
  /** Private addresses that http_request may reach. */
  egressAllow?: string[];
  /** Commands that may be started as MCP servers; all commands when absent. */
  mcpCommands?: string[];
  resourceFolder?: string;
  /** Keys that open secrets; TEST_MASTER_KEYS when absent. */
  masterKeys?: MasterKeys;
  log?: Logger;
} & Pick<WorkerOptions, 'metrics' | 'observe' | 'scope' | 'alone' | 'runInProcess'>;

/** Starts a worker in this process, as `howdah worker` does. */
export function startTestWorker(url: string, options: TestWorkerOptions = {}): Promise<Worker> {
  const egress = createEgress({ allowPrivate: options.egressAllow ?? [] });
  const env = { OPENAI_API_KEY: 'test', OPENAI_BASE_URL: options.openai };
  const providersFor = createGuardedProviders(env, egress);
  const engines = createEngines(options.engines ?? [], { allowPrivate: options.egressAllow ?? [] });
  return startWorker({
    url,
    tools: options.tools ?? [],
    engineNames: (options.engines ?? []).map(({ name }) => name),
    hooks: options.hooks ?? {},
    builtins: [
      calculatorTool,
      httpRequestTool({ allowPrivate: options.egressAllow ?? [] }),
      runCodeTool(),
      extractTool,
    ],
    mcp: {
      egress,
      commands: options.mcpCommands,
      environment: { PATH: process.env.PATH ?? '' },
    },
    concurrency: options.concurrency ?? 100,
    wakeUpSlots: options.wakeUpSlots ?? 3,
    release: 'test',
    ...(options.answerWithinMs ? { answerWithinMs: options.answerWithinMs } : {}),
    ...(options.resourceFolder ? { resourceFolder: options.resourceFolder } : {}),
    masterKeys: options.masterKeys ?? TEST_MASTER_KEYS,
    log: options.log ?? pino({ level: 'silent' }),
    scope: options.scope,
    ...(options.alone ? { alone: options.alone } : {}),
    runInProcess: options.runInProcess,
    metrics: options.metrics,
    observe: options.observe,
    provider: (model) => findEngine(engines, model) ?? findProvider(providersFor(model), model),
  });
}
