import { mainPart, relatedPart, relationshipsOf } from './office-package.ts';
import { Paragraphs } from './paragraphs.ts';
import type { TextBuilder } from './text-builder.ts';
import { walkXml } from './xml.ts';
import type { Zip } from './zip.ts';

const SKIPPED = new Set(['Fallback']);
const TITLES = new Set(['title', 'ctrTitle']);
/** Text of places that is the same on each slide. */
const REPEATED = new Set(['sldNum', 'dt', 'hdr', 'ftr']);

/** Reads a PowerPoint file. Each slide is a page, with its title as heading and its notes. */
export function readPptx(zip: Zip, builder: TextBuilder): void {
  const main = mainPart(zip, 'ppt/presentation.xml');
  for (const slide of slidesOf(zip, main)) {
    const bytes = zip.read(slide);
    builder.addPage();
    if (!bytes) continue;
    readShapes(bytes, builder);
    const notes = relatedPart(zip, slide, 'notesSlide');
    const noteBytes = notes === undefined ? undefined : zip.read(notes);
    if (noteBytes) readShapes(noteBytes, builder);
  }
}

/** Returns the paths of the slides in their order. A slide is read once. */
function slidesOf(zip: Zip, main: string): Set<string> {
  const paths = new Map(relationshipsOf(zip, main).map(({ id, path }) => [id, path]));
  const slides = new Set<string>();
  walkXml(zip.read(main) ?? Buffer.alloc(0), {
    open(name, { id = '' }) {
      const path = name === 'sldId' ? paths.get(id) : undefined;
      if (path !== undefined) slides.add(path);
    },
  });
  return slides;
}

function readShapes(bytes: Buffer, builder: TextBuilder): void {
  const paragraphs = new Paragraphs(builder);
  let place: string | undefined;
  let isText = false;
  walkXml(
    bytes,
    {
      open(name, attributes) {
        if (name === 'sp') place = undefined;
        else if (name === 'ph') place = attributes.type ?? 'body';
        else if (name === 'tbl') paragraphs.openTable();
        else if (name === 'p') paragraphs.open(TITLES.has(place ?? '') ? 1 : undefined);
        else if (name === 'br') paragraphs.write('\n');
        else if (name === 't') isText = !REPEATED.has(place ?? '');
      },
      text(text) {
        if (isText) paragraphs.write(text);
      },
      close(name) {
        if (name === 't') isText = false;
        else if (name === 'sp') place = undefined;
        else if (name === 'p') paragraphs.close();
        else if (name === 'tc') paragraphs.closeCell();
        else if (name === 'tr') paragraphs.closeRow();
        else if (name === 'tbl') paragraphs.closeTable();
      },
    },
    SKIPPED,
  );
}
