import { Anchor, Group, Paper, Text, Title } from '@mantine/core';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { type AnswerSources, answerSources, sourcePages } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { copySources } from './copy-sources.ts';

const text = messages.sources;

type Source = NonNullable<NonNullable<NonNullable<AnswerSources['sources']>['nodes']>[number]>;

/** Characters of the text of a source that are shown. */
const MAX_SHOWN = 600;

/**
 * The citations in the answer of a run: what the answer says of each, and the text that the run has
 * read. Nothing is shown for an answer without citations.
 */
export function SourcesList({ id, answer }: { id: string; answer: string | null }) {
  const { data, failure, reload } = useAnswer(answerSources, { id });
  const sources = data?.sources?.nodes?.filter((one) => one !== null) ?? [];
  const pages = usePages(sources);
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  if (sources.length === 0) return null;
  const characters = [...(answer ?? '')];
  return (
    <section aria-label={text.title}>
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="sm" align="baseline">
          <Title order={2} size="h6">
            {text.title}
          </Title>
          <Text size="xs" c="dimmed" ff="monospace">
            howdah.sources
          </Text>
        </Group>
        <CopyAs forms={copySources(id)} />
      </Group>
      <ol className="sources">
        {sources.map((source, index) => (
          <SourceItem
            key={`${source.startOffset} ${index}`}
            source={source}
            cited={characters.slice(source.startOffset ?? 0, source.endOffset ?? 0).join('')}
            page={pages.get(`${source.documentId} ${source.chunkSeq}`)}
          />
        ))}
      </ol>
    </section>
  );
}

/** Reads the pages on which the chunks are: texts have none. */
function usePages(sources: readonly Source[]): ReadonlyMap<string, number> {
  const current = sources.filter((one) => one.documentId !== null && one.chunkSeq !== null);
  const documents = [...new Set(current.map((one) => String(one.documentId)))];
  const seqs = [...new Set(current.map((one) => Number(one.chunkSeq)))];
  const { data } = useAnswer(sourcePages, documents.length > 0 ? { documents, seqs } : undefined);
  const chunks = data?.chunks?.nodes.filter((one) => one !== null) ?? [];
  return new Map(
    chunks.flatMap(({ documentId, seq, page }) =>
      page === null ? [] : [[`${documentId} ${seq}`, page] as const],
    ),
  );
}

type SourceItemProps = { source: Source; cited: string; page: number | undefined };

function SourceItem({ source, cited, page }: SourceItemProps) {
  const { title, headingPath, chunkNumber, isCurrent } = source;
  const quote = quoteIn(cited);
  const name = [title ?? text.deleted, ...(headingPath ?? [])].filter(Boolean).join(' › ');
  const path = chunkPath(source);
  const content = source.content ?? '';
  return (
    <Paper withBorder radius="md" p="sm" component="li" data-stale={!isCurrent || undefined}>
      <Group gap="xs" mb={4}>
        <Text size="xs" ff="monospace">
          [^{chunkNumber}]
        </Text>
        {path === undefined ? (
          <Text size="sm" className="user-text">
            {name}
          </Text>
        ) : (
          <Anchor component={Link} href={path} size="sm" className="user-text">
            {name}
          </Anchor>
        )}
        {page !== undefined && <Text size="xs">{text.page(page)}</Text>}
        {!isCurrent && (
          <Text size="xs" fw={600} className="fault" title={text.staleHint}>
            {text.stale}
          </Text>
        )}
      </Group>
      {quote !== undefined && (
        <Text size="sm" className="user-text source-quote">
          {text.quote}: {quote}
        </Text>
      )}
      <Text size="xs" c="dimmed">
        {text.read}
      </Text>
      <Text size="sm" className="user-text source-text">
        {content.length > MAX_SHOWN ? `${content.slice(0, MAX_SHOWN)}…` : content || text.unread}
      </Text>
    </Paper>
  );
}

/** Returns the quoted text before the mark of a citation, if there is one. */
function quoteIn(cited: string): string | undefined {
  const quote = cited.replace(/\s*\[\^\d+\]\s*$/, '').trim();
  return quote === '' ? undefined : quote;
}

/** Returns the path of the chunk, or of the document if it no longer has the text. */
function chunkPath({ knowledgeBase, documentId, chunkSeq, title }: Source): string | undefined {
  if (knowledgeBase === null || documentId === null || title === null) return undefined;
  const path = `/knowledge/${encodeURIComponent(knowledgeBase)}/documents/${documentId}`;
  return chunkSeq === null ? path : `${path}?chunk=${chunkSeq}`;
}
