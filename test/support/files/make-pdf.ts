/** Returns a PDF of numbered objects, the first of which is the catalog. */
export function pdfOf(objects: readonly (string | Buffer)[], trailer = ''): Buffer {
  const parts: Buffer[] = [Buffer.from('%PDF-1.7\n')];
  const places: number[] = [];
  let at = parts[0]?.length ?? 0;
  const write = (bytes: Buffer) => {
    parts.push(bytes);
    at += bytes.length;
  };
  objects.forEach((object, index) => {
    places.push(at);
    write(Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), Buffer.from(object)]));
    write(Buffer.from('\nendobj\n'));
  });
  const start = at;
  const rows = places.map((place) => `${String(place).padStart(10, '0')} 00000 n \n`).join('');
  write(Buffer.from(`xref\n0 ${objects.length + 1}\n0000000000 65535 f \n${rows}`));
  write(
    Buffer.from(
      `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R ${trailer} >>\nstartxref\n${start}\n%%EOF\n`,
    ),
  );
  return Buffer.concat(parts);
}

/** Returns an object with a stream. */
export function streamOf(bytes: Buffer, more = ''): Buffer {
  return Buffer.concat([
    Buffer.from(`<< /Length ${bytes.length} ${more} >>\nstream\n`),
    bytes,
    Buffer.from('\nendstream'),
  ]);
}

const FONT = '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>';

/** Returns a PDF with the lines of each page. An empty line is a gap between paragraphs. */
export function makePdf(pages: readonly (readonly string[])[], trailer = ''): Buffer {
  const kids = pages.map((_page, index) => `${4 + 2 * index} 0 R`).join(' ');
  return pdfOf(
    [
      '<< /Type /Catalog /Pages 2 0 R >>',
      `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
      FONT,
      ...pages.flatMap((lines, index) => [
        `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents ${5 + 2 * index} 0 R /Resources << /Font << /F1 3 0 R >> >> >>`,
        streamOf(contentOf(lines)),
      ]),
    ],
    trailer,
  );
}

function contentOf(lines: readonly string[]): Buffer {
  const shown = lines.map((line) => {
    const escaped = line.replaceAll(/[\\()]/g, (character) => `\\${character}`);
    return line === '' ? 'T*' : `(${escaped}) Tj T*`;
  });
  return Buffer.from(`BT /F1 12 Tf 14 TL 50 780 Td ${shown.join('\n')} ET`, 'latin1');
}
