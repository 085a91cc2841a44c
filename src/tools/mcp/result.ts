import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import type { ToolOutcome } from '../../contracts/tool.ts';

/** A result as the model is told it: texts as they are, and in brackets what it cannot read. */
export function outcomeOf(result: CallToolResult, mask: (text: string) => string): ToolOutcome {
  const parts = result.content.map(told);
  const text =
    parts.length === 0 && result.structuredContent !== undefined
      ? JSON.stringify(result.structuredContent)
      : parts.join('\n');
  const value = mask(text);
  return result.isError
    ? {
        ok: false,
        error: {
          code: 'tool_failed',
          message: value || 'the tool failed and did not say why',
          retryable: false,
        },
      }
    : { ok: true, value };
}

function told(part: CallToolResult['content'][number]): string {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'image':
    case 'audio':
      return `[${part.type} ${part.mimeType}, ${bytesOf(part.data)} bytes: not shown]`;
    case 'resource':
      return 'text' in part.resource
        ? `[${part.resource.uri}]\n${part.resource.text}`
        : `[${part.resource.uri}, ${part.resource.mimeType ?? 'binary'}, ${bytesOf(part.resource.blob)} bytes: not shown]`;
    case 'resource_link':
      return `[${part.name}: ${part.uri}${part.description ? `, ${part.description}` : ''}]`;
  }
}

function bytesOf(base64: string): number {
  return Math.floor((base64.replace(/=+$/, '').length * 3) / 4);
}
