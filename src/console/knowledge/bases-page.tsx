import { Button, Loader, Paper, Stack, Table, Text, Title } from '@mantine/core';
import { Plus } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { ListCell } from '../lists/list-cell.tsx';
import { formatCompact } from '../messages/format.ts';
import { knowledgeTexts } from '../messages/knowledge-texts.ts';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { ValueView } from '../parts/value-view.tsx';
import { ListTable } from '../rows/list/list-table.tsx';
import { PageButtons } from '../rows/list/page-buttons.tsx';
import { apiUrl } from '../server/base-path.ts';
import { useMayWrite } from '../server/me.tsx';
import { type KnowledgeBases, knowledgeBases } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { usePolling } from '../server/use-polling.ts';
import { copyBases, firstBase } from './copy-knowledge.ts';
import { BaseProgress } from './documents/document-status.tsx';
import { BASES, type BaseState, basePage } from './knowledge-rows.ts';
import { SEARCHES } from './searches/search-rows.ts';

const text = knowledgeTexts;

type Node = NonNullable<NonNullable<KnowledgeBases['knowledgeBases']>['nodes'][number]>;

/** The list of knowledge bases, with their progress. The URL has the page. */
export function BasesPage() {
  const [, navigate] = useLocation();
  const after = new URLSearchParams(useSearch()).get('after');
  const { data, failure, isLoading, reload } = useAnswer(knowledgeBases, { after });
  const mayWrite = useMayWrite('knowledge_bases');
  usePolling(reload, JSON.stringify(data));
  const nodes = data?.knowledgeBases?.nodes.filter((node) => node !== null);
  const { hasNextPage, endCursor } = data?.knowledgeBases?.pageInfo ?? {};
  return (
    <>
      <PageTitle title={text.title} table="howdah.knowledge_bases">
        <Button size="xs" variant="default" component={Link} href={SEARCHES}>
          {text.searches.title}
        </Button>
        <CopyAs forms={copyBases(apiUrl('/'))} />
        {mayWrite && <NewButton />}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {nodes && nodes.length > 0 && <BasesTable nodes={nodes} />}
      {nodes?.length === 0 && after === null && <FirstBase mayWrite={mayWrite} />}
      <PageButtons
        after={after}
        next={hasNextPage ? endCursor : null}
        show={(cursor) =>
          navigate(cursor ? `${BASES}?${new URLSearchParams({ after: cursor })}` : BASES)
        }
      />
    </>
  );
}

function NewButton() {
  return (
    <Button
      size="xs"
      component={Link}
      href={`${BASES}/new`}
      leftSection={<Plus size={14} aria-hidden />}
    >
      {text.new}
    </Button>
  );
}

/** The rows. J and K move between them, Enter opens one. */
function BasesTable({ nodes }: { nodes: readonly Node[] }) {
  const { columns } = text;
  return (
    <ListTable
      label={text.title}
      className="bases"
      head={
        <>
          <Table.Th>{columns.name}</Table.Th>
          <Table.Th>{columns.documents}</Table.Th>
          <Table.Th ta="right">{columns.chunks}</Table.Th>
          <Table.Th>{columns.domain}</Table.Th>
          <Table.Th>{columns.language}</Table.Th>
          <Table.Th>{columns.trust}</Table.Th>
        </>
      }
    >
      {nodes.map((node) => (
        <BaseRow key={node.id} node={node} />
      ))}
    </ListTable>
  );
}

function BaseRow({ node }: { node: Node }) {
  const state = node.state as BaseState;
  const { columns } = text;
  return (
    <Table.Tr>
      <ListCell place="name">
        <Link href={basePage(node.id)} className="row-link">
          {node.name}
        </Link>
      </ListCell>
      <ListCell place="side">
        <BaseProgress state={state} />
      </ListCell>
      <ListCell label={columns.chunks} className="figure">
        {formatCompact(state.chunks)}
      </ListCell>
      <ListCell label={columns.domain}>{node.domain}</ListCell>
      <ListCell label={columns.language}>{node.language}</ListCell>
      <ListCell label={columns.trust}>{node.trust}</ListCell>
    </Table.Tr>
  );
}

/** Ways to create a first base, which then appears. */
function FirstBase({ mayWrite }: { mayWrite: boolean }) {
  const ways = firstBase(apiUrl('/'));
  return (
    <Stack gap="md" maw={960}>
      <div>
        <Title order={2} size="h4">
          {text.first.title}
        </Title>
        <Text size="sm">{text.first.text}</Text>
      </div>
      <div className="cards">
        <Way title={text.first.sql}>
          <ValueView value={ways.sql} label={text.first.sql} />
        </Way>
        <Way title={text.first.http}>
          <ValueView value={ways.curl} label={text.first.http} />
        </Way>
        <Way title={text.first.cli}>
          <ValueView value={ways.cli} label={text.first.cli} />
        </Way>
        {mayWrite && (
          <Way title={text.first.button}>
            <NewButton />
          </Way>
        )}
      </div>
      <Text size="sm" c="dimmed" role="status">
        {text.first.waiting}
      </Text>
    </Stack>
  );
}

function Way({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper withBorder radius="md" p="md">
      <Title order={3} size="h6" mb="xs">
        {title}
      </Title>
      {children}
    </Paper>
  );
}
