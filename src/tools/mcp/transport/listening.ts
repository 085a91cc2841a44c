import type { Client } from '@modelcontextprotocol/client';

const LISTEN_MS = 10_000;

/**
 * Listens for changes of tools and prompts. Since protocol version 2026-07-28 a server reports
 * changes only to listeners; before, it reports them always. `lost` is called when the server ends
 * the stream. The next connection then lists the tools again.
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
  // the server has declared the capability and does not accept a listener
  const listening = await client.listen(wanted, { timeout: LISTEN_MS }).catch(() => undefined);
  void listening?.closed.then((how) => how !== 'local' && lost());
}
