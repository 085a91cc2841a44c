import { curlCommand, howdahCommand } from '../../parts/command-line.ts';
import type { Forms } from '../../parts/forms.ts';
import { quoteSql } from '../../parts/quote.ts';

/** Rows of a page. */
export const ROWS = 50;

/** The conditions of the audit log, as REST names them. */
export const AUDIT_FILTERS = ['actor', 'action', 'object', 'object_id'] as const;
export type AuditFilter = Partial<Record<(typeof AUDIT_FILTERS)[number], string>>;

/** Returns the request of the audit log in each language. */
export function copyAudit(filter: AuditFilter, root: URL): Forms {
  const conditions = Object.entries(filter);
  const where = conditions.map(([name, value]) => `${name} = ${quoteSql(value)}`).join('\n  and ');
  const url = new URL(root);
  url.search = new URLSearchParams({ ...filter, limit: String(ROWS) }).toString();
  const options = conditions.map(([name, value]) => [name.replace('_', '-'), value] as const);
  const fields = conditions.map(([name, value]) => {
    const field = name.replace('_id', 'Id');
    return `${field}: { equalTo: ${JSON.stringify(value)} }`;
  });
  const given = fields.length > 0 ? `, filter: { ${fields.join(', ')} }` : '';
  return {
    sql: `select seq, created_at, actor, client, action, object, object_id, changed\nfrom howdah.audit_log\n${where ? `where ${where}\n` : ''}order by seq desc limit ${ROWS};`,
    graphql: `query {\n  auditLogs(first: ${ROWS}, orderBy: [SEQ_DESC]${given}) {\n    nodes { seq createdAt actor client action object objectId changed }\n  }\n}`,
    curl: curlCommand(url),
    cli: howdahCommand('admin audit', [...options, ['limit', ROWS]]),
  };
}
