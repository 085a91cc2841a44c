import { type ComponentType, lazy } from 'react';
import { RowsPlace } from '../rows/rows-place.tsx';
import { AuditPage } from './audit/audit-page.tsx';
import { HealthPage } from './health-page.tsx';
import { QueuePage } from './queue-page.tsx';
import { SettingsPage } from './settings-page.tsx';
import { SqlPage } from './sql/sql-page.tsx';
import { SystemPage } from './system-page.tsx';

const SearchesPlace = lazy(async () => ({
  default: (await import('../knowledge/searches/searches-place.tsx')).SearchesPlace,
}));

const PAGES = new Map<string, ComponentType>([
  ['searches', SearchesPlace],
  ['queue', QueuePage],
  ['health', HealthPage],
  ['audit-log', AuditPage],
  ['settings', SettingsPage],
  ['sql', SqlPage],
]);

/** The place of the installation. What is none of its own pages is a list of rows. */
export function SystemPlace({ page }: { page?: string }) {
  if (page === undefined) return <SystemPage />;
  const Page = PAGES.get(page);
  return Page ? <Page /> : <RowsPlace resource={page} />;
}
