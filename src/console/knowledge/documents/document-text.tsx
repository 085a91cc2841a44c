import { Button, Group, Loader, Paper, Text, Title } from '@mantine/core';
import { useEffect, useRef } from 'react';
import { Link, useLocation } from 'wouter';
import { formatCount } from '../../messages/format.ts';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { messages } from '../../messages/messages.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useKeys } from '../../parts/use-keys.ts';
import { useRest } from '../../server/rest.ts';
import type { Base } from '../copy-knowledge.ts';
import { type ChunkRow, type DocumentRow, documentPage } from '../knowledge-rows.ts';
import { useParameters } from '../use-parameters.ts';
import { markChunks, type Part } from './marked-text.ts';

const text = knowledgeTexts.document;

/** Chunks that a page shows. A document has up to 20,000. */
const PAGE = 100;

type DocumentTextProps = { base: Base; row: DocumentRow; content: string };

/** The text of a document, with its chunks. The URL names the one that is shown beside it. */
export function DocumentText({ base, row, content }: DocumentTextProps) {
  const path = documentPage(base.id, row.id);
  const { parameters } = useParameters(path);
  const given = /^[1-9]\d{0,8}$/.test(parameters.chunk ?? '')
    ? Number(parameters.chunk)
    : undefined;
  const first = Math.floor(((given ?? 1) - 1) / PAGE) * PAGE + 1;
  const { data, failure, isLoading, reload } = useRest<{ data: ChunkRow[]; next: string | null }>(
    row.status === 'ready'
      ? `/api/documents/${row.id}/chunks?from=${first}&limit=${PAGE}`
      : undefined,
  );
  const chunks = data?.body.data ?? [];
  const hasMore = Boolean(data?.body.next);
  const selected = chunks.find(({ seq }) => seq === given);
  const parts = markChunks<ChunkRow>(content, chunks, { isFirst: first === 1, isLast: !hasMore });
  return (
    <>
      <Group gap="sm" align="baseline" mb="xs">
        <Title order={2} size="h5">
          {text.text}
        </Title>
        <Text size="xs" c="dimmed" ff="monospace">
          howdah.chunks
        </Text>
        {chunks.length > 0 && (
          <Text size="xs" c="dimmed" visibleFrom="sm">
            {text.hint}
          </Text>
        )}
      </Group>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      <Note {...{ row, data, given, selected }} />
      {!isLoading && (parts.length > 0 || first === 1) && (
        <div className="document-parts" data-selected={selected ? true : undefined}>
          <Marked {...{ parts, path, selected, chunks }} />
          {selected && <ChunkDetail chunk={selected} />}
        </div>
      )}
      <Pages {...{ path, first, hasMore }} />
    </>
  );
}

type NoteProps = {
  row: DocumentRow;
  data: unknown;
  given: number | undefined;
  selected: ChunkRow | undefined;
};

/** Says why there are no marks, or no chunk of this number. */
function Note({ row: { status }, data, given, selected }: NoteProps) {
  const isOpen = status === 'pending' || status === 'working';
  const isMissing = data !== undefined && given !== undefined && !selected;
  const note = isOpen ? text.waiting : isMissing ? text.noChunk(given) : undefined;
  return (
    <div role="status">
      {note && (
        <Text size="sm" mb="xs">
          {note}
        </Text>
      )}
    </div>
  );
}

type MarkedProps = {
  parts: readonly Part<ChunkRow>[];
  path: string;
  selected: ChunkRow | undefined;
  chunks: readonly ChunkRow[];
};

/** The parts of the text. J and K select the next and the previous chunk. */
function Marked({ parts, path, selected, chunks }: MarkedProps) {
  const [, navigate] = useLocation();
  const frame = useRef<HTMLDivElement>(null);
  const seq = selected?.seq;
  useEffect(() => {
    if (seq === undefined) return;
    frame.current?.querySelector('[data-selected]')?.scrollIntoView({ block: 'center' });
  }, [seq]);
  const move = (step: number) => {
    const at = chunks.findIndex((one) => one.seq === seq);
    const next = chunks[at < 0 ? 0 : Math.min(chunks.length - 1, Math.max(0, at + step))];
    if (next) navigate(`${path}?chunk=${next.seq}`, { replace: true });
  };
  useKeys([
    ['J', () => move(1)],
    ['K', () => move(-1)],
  ]);
  return (
    <Paper ref={frame} withBorder radius="md" className="marked-text">
      {parts.map((part, index) =>
        part.chunk ? (
          <div
            key={part.chunk.id}
            className="chunk"
            data-selected={part.chunk.seq === seq || undefined}
          >
            <Link
              href={`${path}?chunk=${part.chunk.seq}`}
              className="chunk-number"
              aria-label={text.chunk(part.chunk.seq)}
              aria-current={part.chunk.seq === seq || undefined}
            >
              {part.chunk.seq}
            </Link>
            <div className="user-text">{part.text || part.chunk.content}</div>
          </div>
        ) : (
          <div key={index} className="between user-text">
            {part.text.trim()}
          </div>
        ),
      )}
      {parts.length === 0 && <Text size="sm">{text.none}</Text>}
    </Paper>
  );
}

function ChunkDetail({ chunk }: { chunk: ChunkRow }) {
  const facts = [
    [text.headings, chunk.heading_path.join(' › ')],
    [text.page, chunk.page === null ? '' : String(chunk.page)],
    [text.place, text.places(formatCount(chunk.start_offset + 1), formatCount(chunk.end_offset))],
    [text.trust, chunk.trust],
  ] as const;
  return (
    <Paper
      withBorder
      radius="md"
      p="md"
      component="aside"
      className="chunk-detail"
      aria-label={text.chunk(chunk.seq)}
    >
      <Title order={3} size="h6" mb="xs">
        {text.chunk(chunk.seq)}
      </Title>
      <dl className="row-facts">
        {facts
          .filter(([, value]) => value !== '')
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd className="user-text">{value}</dd>
            </div>
          ))}
      </dl>
      <Text size="xs" c="dimmed" mt="sm" mb={4}>
        {text.found}
      </Text>
      <Text size="sm" className="user-text">
        {chunk.content}
      </Text>
    </Paper>
  );
}

type PagesProps = { path: string; first: number; hasMore: boolean };

function Pages({ path, first, hasMore }: PagesProps) {
  const page = (to: number, label: string) => (
    <Button size="xs" variant="default" component={Link} href={`${path}?chunk=${to}`}>
      {label}
    </Button>
  );
  return (
    <Group mt="sm" gap="xs">
      {first > 1 && page(first - PAGE, text.earlier)}
      {hasMore && page(first + PAGE, text.later)}
    </Group>
  );
}
