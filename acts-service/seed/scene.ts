// Pictures for the demo: simple landscapes and still lifes as SVG, each from a few numbers, so that no two variants look alike.
import type { SceneKind } from './demo.ts';
import { random, type Random } from './random.ts';

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly svg: string;
}

interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly dice: Random;
}

const sizes: readonly [[number, number], ...[number, number][]] = [[1280, 960], [1280, 853], [1280, 720], [960, 1280], [1080, 1080], [900, 1200]]; // prettier-ignore

export function scene(kind: SceneKind, variant: number): Scene {
  const dice = random(variant, kind.length * 31 + kind.charCodeAt(0), kind.charCodeAt(1));
  const [width, height] = dice.pick(sizes);
  const body = painters[kind]({ width, height, dice });
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${body}</svg>`;
  return { width, height, svg };
}

const hsl = (hue: number, saturation: number, lightness: number): string =>
  `hsl(${Math.round(hue)},${Math.round(saturation)}%,${Math.round(lightness)}%)`;

function sky({ width, height, dice }: Canvas, top: string, bottom: string): string {
  const x = dice.between(0.15, 0.85) * width;
  const y = dice.between(0.12, 0.35) * height;
  return (
    `<defs><linearGradient id="sky" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="${top}"/><stop offset="1" stop-color="${bottom}"/></linearGradient>` +
    `<radialGradient id="glow"><stop offset="0" stop-color="#fffbe6" stop-opacity=".9"/><stop offset="1" stop-color="#fffbe6" stop-opacity="0"/></radialGradient></defs>` +
    `<rect width="${width}" height="${height}" fill="url(#sky)"/>` +
    `<circle cx="${x}" cy="${y}" r="${0.28 * height}" fill="url(#glow)"/><circle cx="${x}" cy="${y}" r="${0.055 * height}" fill="#fff8dc"/>`
  );
}

/** A range of hills from edge to edge, its crest around `level` of the height. */
function hills({ width, height, dice }: Canvas, level: number, roughness: number, fill: string): string {
  const points = 7;
  const crest = Array.from({ length: points }, () => (level + dice.between(-roughness, roughness)) * height);
  let path = `M0 ${height} L0 ${crest[0] ?? 0}`;
  for (let point = 1; point < points; point++) {
    const x = (point / (points - 1)) * width;
    const half = x - width / (points - 1) / 2;
    path += ` C${half} ${crest[point - 1] ?? 0} ${half} ${crest[point] ?? 0} ${x} ${crest[point] ?? 0}`;
  }
  return `<path d="${path} L${width} ${height} Z" fill="${fill}"/>`;
}

function many(count: number, draw: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => draw(index)).join('');
}

function fir(x: number, foot: number, size: number, fill: string): string {
  const tier = (top: number, half: number): string =>
    `<path d="M${x} ${foot - top * size} l${half * size} ${0.42 * size} h${-2 * half * size} Z" fill="${fill}"/>`;
  return `<rect x="${x - 0.03 * size}" y="${foot - 0.15 * size}" width="${0.06 * size}" height="${0.15 * size}" fill="#4a3526"/>${tier(1, 0.18)}${tier(0.78, 0.25)}${tier(0.54, 0.32)}`;
}

const painters: Readonly<Record<SceneKind, (canvas: Canvas) => string>> = {
  forest(canvas) {
    const { width, height, dice } = canvas;
    const hue = dice.between(95, 160);
    const row = (depth: number): string =>
      many(14, () => {
        const foot = (0.55 + 0.16 * depth + dice.between(0, 0.08)) * height;
        return fir(dice.next() * width, foot, (0.2 + 0.1 * depth) * height * dice.between(0.8, 1.2), hsl(hue, 35, 40 - 8 * depth));
      });
    return (
      sky(canvas, hsl(200, 55, 62), hsl(dice.between(30, 60), 70, 88)) +
      hills(canvas, 0.5, 0.06, hsl(hue, 25, 58)) +
      row(0) +
      hills(canvas, 0.64, 0.04, hsl(hue, 32, 42)) +
      row(1) +
      hills(canvas, 0.85, 0.03, hsl(hue, 38, 28)) +
      row(2.4)
    );
  },
  sea(canvas) {
    const { width, height, dice } = canvas;
    const hue = dice.between(175, 215);
    const waves = many(26, (index) => {
      const y = (0.46 + 0.012 * index) * height;
      const length = dice.between(0.1, 0.4) * width;
      return `<path d="M${dice.next() * width} ${y} q${length / 4} -7 ${length / 2} 0 t${length / 2} 0" stroke="#fff" stroke-opacity="${0.15 + 0.01 * index}" stroke-width="3" fill="none"/>`;
    });
    const shells = many(30, () => {
      const radius = dice.between(3, 9);
      return `<ellipse cx="${dice.next() * width}" cy="${dice.between(0.84, 0.99) * height}" rx="${radius * 1.4}" ry="${radius}" fill="${hsl(dice.between(15, 45), 30, dice.between(55, 90))}"/>`;
    });
    return (
      sky(canvas, hsl(hue, 65, 60), hsl(dice.between(15, 50), 80, 86)) +
      `<rect y="${0.45 * height}" width="${width}" height="${height}" fill="${hsl(hue, 55, 42)}"/>${waves}` +
      hills(canvas, 0.8, 0.025, '#f3ead2') +
      hills(canvas, 0.83, 0.02, '#e3d1a2') +
      shells
    );
  },
  bowl(canvas) {
    const { width, height, dice } = canvas;
    const cloth = dice.between(0, 360);
    const [x, y, radius] = [width / 2, height / 2, 0.36 * Math.min(width, height)];
    const stripes = many(
      16,
      (index) => `<rect x="${(index * width) / 16}" width="${width / 40}" height="${height}" fill="${hsl(cloth, 40, 78)}"/>`,
    );
    const pieces = many(70, () => {
      const [angle, distance] = [dice.between(0, 2 * Math.PI), Math.sqrt(dice.next()) * radius * 0.72];
      const size = dice.between(0.04, 0.12) * radius;
      return `<ellipse cx="${x + Math.cos(angle) * distance}" cy="${y + Math.sin(angle) * distance}" rx="${size}" ry="${size * dice.between(0.5, 1)}" fill="${hsl(dice.pick([12, 38, 95, 120, 48]), 65, dice.between(38, 62))}"/>`;
    });
    return (
      `<rect width="${width}" height="${height}" fill="${hsl(cloth, 35, 88)}"/>${stripes}` +
      `<ellipse cx="${x + 14}" cy="${y + 24}" rx="${radius * 1.04}" ry="${radius}" fill="#000" fill-opacity=".22"/>` +
      `<circle cx="${x}" cy="${y}" r="${radius}" fill="#fbfaf6"/><circle cx="${x}" cy="${y}" r="${radius * 0.86}" fill="${hsl(dice.between(20, 45), 70, 55)}"/>${pieces}`
    );
  },
  meadow(canvas) {
    const { width, height, dice } = canvas;
    const sheep = many(3 + dice.index(5), () => {
      const [x, y, size] = [dice.between(0.08, 0.92) * width, dice.between(0.66, 0.88) * height, dice.between(0.035, 0.06) * height];
      const legs = [-0.7, -0.3, 0.3, 0.7].map(
        (at) => `<rect x="${x + at * size}" y="${y}" width="${0.16 * size}" height="${1.3 * size}" fill="#3b352f"/>`,
      );
      const wool = many(
        7,
        (puff) => `<circle cx="${x + (puff / 3 - 1) * size}" cy="${y - (puff % 2) * 0.4 * size}" r="${0.62 * size}" fill="#f6f2e8"/>`,
      );
      return `${legs.join('')}${wool}<ellipse cx="${x + 1.5 * size}" cy="${y - 0.35 * size}" rx="${0.42 * size}" ry="${0.52 * size}" fill="#3b352f"/>`;
    });
    const flowers = many(
      120,
      () =>
        `<circle cx="${dice.next() * width}" cy="${dice.between(0.7, 1) * height}" r="${dice.between(2, 6)}" fill="${hsl(dice.pick([50, 330, 280, 0]), 80, 75)}"/>`,
    );
    return (
      sky(canvas, hsl(205, 70, 62), hsl(195, 60, 90)) +
      hills(canvas, 0.48, 0.07, hsl(150, 25, 62)) +
      hills(canvas, 0.62, 0.04, hsl(dice.between(85, 110), 45, 50)) +
      flowers +
      sheep
    );
  },
  street(canvas) {
    const { width, height, dice } = canvas;
    const evening = dice.next() < 0.4;
    const count = 5;
    const houses = many(count, (index) => {
      const [x, wide, tall] = [(index * width) / count, width / count, dice.between(0.32, 0.5) * height];
      const top = 0.82 * height - tall;
      const windows = many(9, (pane) => {
        const lit = evening && dice.next() < 0.6;
        return `<rect x="${x + wide * (0.16 + 0.26 * (pane % 3))}" y="${top + tall * (0.1 + 0.25 * Math.floor(pane / 3))}" width="${0.16 * wide}" height="${0.15 * tall}" fill="${lit ? '#ffd97a' : '#41525e'}"/>`;
      });
      return (
        `<rect x="${x}" y="${top}" width="${wide}" height="${tall}" fill="${hsl(dice.between(0, 60), 45, evening ? 38 : 70)}"/>` +
        `<path d="M${x - 6} ${top} l${wide / 2 + 6} ${-0.1 * height} l${wide / 2 + 6} ${0.1 * height} Z" fill="${hsl(dice.between(5, 25), 50, evening ? 24 : 42)}"/>` +
        `${windows}<rect x="${x + 0.4 * wide}" y="${0.82 * height - 0.18 * tall}" width="${0.2 * wide}" height="${0.18 * tall}" fill="#5a3b28"/>`
      );
    });
    const [top, bottom] = evening ? [hsl(235, 45, 28), hsl(20, 70, 62)] : [hsl(205, 70, 66), hsl(45, 60, 90)];
    return `${sky(canvas, top, bottom)}${houses}<rect y="${0.82 * height}" width="${width}" height="${0.18 * height}" fill="${evening ? '#3d3c42' : '#8f8d88'}"/><rect y="${0.82 * height}" width="${width}" height="${0.025 * height}" fill="#c9c4b8"/>`;
  },
  books(canvas) {
    const { width, height, dice } = canvas;
    const shelves = many(3, (shelf) => {
      const floor = ((shelf + 1) * height) / 3 - 0.03 * height;
      let row = '';
      for (let x = 0.03 * width; x < 0.95 * width;) {
        const [wide, tall] = [dice.between(0.025, 0.06) * width, dice.between(0.17, 0.27) * height];
        const fill = hsl(dice.between(0, 360), dice.between(30, 60), dice.between(30, 60));
        row += `<rect x="${x}" y="${floor - tall}" width="${wide}" height="${tall}" rx="3" fill="${fill}"/><rect x="${x}" y="${floor - 0.85 * tall}" width="${wide}" height="${0.05 * tall}" fill="#f2e3b3" fill-opacity=".8"/>`;
        x += wide + 2 + (dice.next() < 0.08 ? 0.08 * width : 0);
      }
      return `${row}<rect y="${floor}" width="${width}" height="${0.03 * height}" fill="#7a5230"/>`;
    });
    return `<rect width="${width}" height="${height}" fill="#4a3018"/>${shelves}`;
  },
  park(canvas) {
    const { width, height, dice } = canvas;
    const hue = dice.pick([28, 42, 100, 130, 345]);
    const trees = many(6, (index) => {
      const [x, foot, size] = [
        ((index + dice.between(0.2, 0.8)) * width) / 6,
        dice.between(0.62, 0.7) * height,
        dice.between(0.1, 0.16) * height,
      ];
      const leaves = many(
        26,
        () =>
          `<circle cx="${x + dice.between(-1, 1) * size}" cy="${foot - 1.9 * size + dice.between(-0.8, 0.8) * size}" r="${dice.between(0.2, 0.42) * size}" fill="${hsl(hue + dice.between(-14, 14), 55, dice.between(38, 58))}"/>`,
      );
      return `<rect x="${x - 0.09 * size}" y="${foot - 1.5 * size}" width="${0.18 * size}" height="${1.6 * size}" fill="#54402f"/>${leaves}`;
    });
    const pond = `<ellipse cx="${dice.between(0.3, 0.7) * width}" cy="${0.85 * height}" rx="${0.3 * width}" ry="${0.08 * height}" fill="#79b4c9"/>`;
    return `${sky(canvas, hsl(200, 50, 72), hsl(50, 60, 92))}${hills(canvas, 0.6, 0.03, hsl(100, 32, 55))}${trees}${hills(canvas, 0.72, 0.02, hsl(95, 40, 45))}${pond}`;
  },
  road(canvas) {
    const { width, height, dice } = canvas;
    const x = dice.between(0.35, 0.65) * width;
    const [horizon, hue] = [0.52 * height, dice.between(0, 40)];
    const dashes = many(7, (index) => {
      const [from, to] = [(index / 7) ** 2, ((index + 0.5) / 7) ** 2];
      const y = (share: number): number => horizon + share * (height - horizon);
      const middle = (share: number): number => x + (width / 2 - x) * share;
      return `<path d="M${middle(from) - 9 * from} ${y(from)} h${18 * from} L${middle(to) + 9 * to} ${y(to)} h${-18 * to} Z" fill="#f4efe0"/>`;
    });
    return (
      sky(canvas, hsl(hue + 220, 45, 45), hsl(hue, 85, 72)) +
      hills(canvas, 0.45, 0.08, hsl(hue + 230, 22, 42)) +
      hills(canvas, 0.52, 0.02, hsl(hue + 60, 30, 34)) +
      `<rect y="${horizon + 8}" width="${width}" height="${height}" fill="${hsl(hue + 55, 28, 38)}"/>` +
      `<path d="M${x - 5} ${horizon} h10 L${0.9 * width} ${height} H${0.1 * width} Z" fill="#4c4a4d"/>${dashes}`
    );
  },
};
