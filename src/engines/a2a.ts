import { A2A_PROVIDER } from '../contracts/agents/engine.ts';
import type { ModelProvider } from '../contracts/agents/model.ts';
import { createCancellation } from '../providers/failure.ts';
import type { Egress } from '../tools/egress.ts';

/**
 * Creates the provider of remote agents that speak A2A. Its code is loaded with the first call,
 * since most workers have no such agent.
 */
export function a2aEngine(egress: Egress): ModelProvider {
  return {
    name: A2A_PROVIDER,
    async generate(request, context) {
      if (context.signal.aborted) return createCancellation();
      const { callRemoteAgent } = await import('./a2a/call-remote-agent.ts');
      return callRemoteAgent(request, context, egress);
    },
  };
}
