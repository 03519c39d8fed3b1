// Draws the icons in public/icons; run by hand (`node web/build/draw-icons.js`) when the mark changes, the PNGs are committed.
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

/** A rising sun held by an open hand's curve; `scale` leaves a margin for the platform's own mask. */
const mark = (scale) => `
  <g transform="translate(256 256) scale(${scale}) translate(-256 -256)">
    <circle cx="256" cy="226" r="78" fill="#fff3e2"/>
    <g stroke="#ffd9a0" stroke-width="26" stroke-linecap="round">
      <path d="M256 62v38M140 110l27 27M372 110l-27 27M92 226h38M420 226h-38"/>
    </g>
    <path d="M92 318c46 66 104 98 164 98s118-32 164-98" fill="none" stroke="#fff3e2" stroke-width="40" stroke-linecap="round"/>
  </g>`;

const icon = (corner, scale) => `
  <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512">
    <defs><linearGradient id="warm" x1="0" y1="0" x2="1" y2="1"><stop stop-color="#d9692f"/><stop offset="1" stop-color="#9a3a1b"/></linearGradient></defs>
    <rect width="512" height="512" rx="${corner}" fill="url(#warm)"/>${mark(scale)}
  </svg>`;

for (const [name, svg] of [
  ['icon', icon(116, 0.94)],
  ['maskable', icon(0, 0.72)],
]) {
  for (const size of [192, 512]) {
    const target = fileURLToPath(new URL(`../public/icons/${name}-${size}.png`, import.meta.url));
    await sharp(Buffer.from(svg)).resize(size, size).png({ compressionLevel: 9, palette: true }).toFile(target);
  }
}
