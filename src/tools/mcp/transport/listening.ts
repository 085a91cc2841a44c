import type { Client } from '@modelcontextprotocol/client';

const LISTEN_MS = 10_000;

/**
 * Since protocol version 2026-07-28 a server tells of changes only who listens; before, it does by itself. `lost` is called when
 * it ends that: whoever begins it again asks what it offers.
 */
export async function listenForTools(client: Client, lost: () => void): Promise<void> {
  const { tools, prompts } = client.getServerCapabilities() ?? {};
  const wanted = {
    ...(tools?.listChanged ? { toolsListChanged: true } : {}),
    ...(prompts?.listChanged ? { promptsListChanged: true } : {}),
  };
  if (client.getProtocolEra() !== 'modern' || Object.keys(wanted).length === 0) {
    return;
  }
  const listening = await client.listen(wanted, { timeout: LISTEN_MS }).catch(() => undefined); // it says so, and does not let anybody listen
  void listening?.closed.then((how) => how !== 'local' && lost());
}
