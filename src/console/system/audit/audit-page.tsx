import { Button, Group, Loader, Text } from '@mantine/core';
import { useLocation, useSearch } from 'wouter';
import { FilterFrame } from '../../lists/filter-frame.tsx';
import { messages } from '../../messages/messages.ts';
import { systemTexts } from '../../messages/system-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { Moment } from '../../parts/moment.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { TextFilter } from '../../parts/text-filter.tsx';
import { apiUrl } from '../../server/base-path.ts';
import { useRest } from '../../server/rest.ts';
import type { AuditEntry } from '../answers.ts';
import { type Column, PlainTable } from '../plain-table.tsx';
import { AuditChain } from './audit-chain.tsx';
import { AUDIT_FILTERS, type AuditFilter, copyAudit, ROWS } from './copy-audit.ts';

const text = systemTexts.audit;
const { columns: names } = text;

/** The audit log of the tenant, and the check of its chain. The URL has the filter and the page. */
export function AuditPage() {
  const [, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  const after = search.get('after');
  const filter: AuditFilter = Object.fromEntries(
    AUDIT_FILTERS.flatMap((name) => {
      const value = search.get(name);
      return value ? [[name, value]] : [];
    }),
  );
  const query = new URLSearchParams({ ...filter, limit: String(ROWS) });
  if (after !== null) query.set('cursor', after);
  const list = useRest<{ data: AuditEntry[]; next: string | null }>(`/api/audit-log?${query}`);
  const show = (next: AuditFilter, cursor?: string) => {
    const shown = new URLSearchParams({ ...next, ...(cursor !== undefined && { after: cursor }) });
    navigate(`/system/audit-log${shown.size > 0 ? `?${shown}` : ''}`);
  };
  const { data: entries, next } = list.data?.body ?? {};
  return (
    <>
      <PageTitle title={text.title} table={text.table}>
        <CopyAs forms={copyAudit(filter, apiUrl('/api/audit-log'))} />
      </PageTitle>
      <AuditChain />
      <Filters filter={filter} change={show} />
      {list.failure && <FailureAlert failure={list.failure} onRetry={list.reload} />}
      {list.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {entries?.length === 0 && <Text size="sm">{text.empty}</Text>}
      {entries && entries.length > 0 && (
        <PlainTable
          label={text.title}
          columns={COLUMNS}
          rows={entries}
          keyOf={({ seq }) => String(seq)}
        />
      )}
      <Group mt="sm" gap="xs">
        {after !== null && (
          <Button variant="default" size="xs" onClick={() => show(filter)}>
            {text.newest}
          </Button>
        )}
        {next && (
          <Button variant="default" size="xs" onClick={() => show(filter, next)}>
            {text.older}
          </Button>
        )}
      </Group>
    </>
  );
}

const COLUMNS: readonly Column<AuditEntry>[] = [
  { name: names.seq, show: ({ seq }) => seq, isFigure: true, place: 'hidden' },
  { name: names.at, show: ({ created_at }) => <Moment at={created_at} />, place: 'side' },
  { name: names.actor, show: ({ actor }) => actor },
  {
    name: names.action,
    show: ({ action, object }) => (
      <>
        {action} <span className="audit-object">{object}</span>
      </>
    ),
    place: 'name',
  },
  { name: names.id, show: ({ object_id }) => shortId(object_id) },
  { name: names.changed, show: ({ changed }) => changed?.join(', ') },
  { name: names.client, show: ({ client }) => client },
];

/** Returns the end of an id, which tells ids of one time apart. */
function shortId(id: string) {
  return <span title={id}>{id.length > 20 ? `…${id.slice(-12)}` : id}</span>;
}

type FiltersProps = { filter: AuditFilter; change(filter: AuditFilter): void };

function Filters({ filter, change }: FiltersProps) {
  const set = (name: keyof AuditFilter, value: string) => {
    const { [name]: _, ...others } = filter;
    change(value ? { ...others, [name]: value } : others);
  };
  return (
    <FilterFrame count={Object.keys(filter).length}>
      {AUDIT_FILTERS.map((name) => (
        <TextFilter
          key={name}
          label={text.filters[name]}
          placeholder={text.filters[name]}
          value={filter[name] ?? ''}
          change={(value) => set(name, value)}
          width={150}
        />
      ))}
    </FilterFrame>
  );
}
