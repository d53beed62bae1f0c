import { raw, type Html } from '../../../reports/html.ts';

/**
 * Finds, draws and tells. A column of the drawing is a layer of the models, or one of several where definitions of a layer build
 * on each other. Written for the browser: plain script, no imports.
 */
export const lineageScript: Html = raw(`
(() => {
  const { steps, entries, columns } = JSON.parse(document.getElementById('graph').textContent);
  const names = Object.keys(entries);
  const find = (id) => document.getElementById(id);
  const bands = { core: 'Columns', base: 'Base', intermediate: 'Intermediate', mart: 'Marts', metric: 'Metrics', user: 'Own models', made: 'Made of it', use: 'Used by' };
  const order = Object.keys(bands);
  const width = 164, height = 42, gapX = 34, gapY = 10, top = 34;

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== undefined));
    return made;
  };
  const link = (name, text = name) => entries[name] ? element('a', { href: '#' + name }, text) : text;
  const listed = (items) => items.flatMap((item, index) => index === 0 ? [item] : [', ', item]);
  // May break after a dot or an underscore.
  const breakable = (name) => name.split(/(?<=[._])/).flatMap((part) => [part, element('wbr')]);
  const cut = (name) => {
    const column = /^(core|ops|history|raw|mart)[.]/.test(name) && !steps[name] && name.split('.').length > 2;
    const at = column ? name.lastIndexOf('.') : name.indexOf('.');
    return [name.slice(0, at), name.slice(at + 1)];
  };

  // The list and the search.
  const showNames = () => {
    const words = find('search').value.toLowerCase().split(/\\s+/).filter(Boolean);
    const found = names.filter((name) => {
      const text = (name + ' ' + (steps[name]?.doc ?? '')).toLowerCase();
      return words.every((word) => text.includes(word));
    });
    // Whose name says it before whose meaning does.
    const rank = (name) => words.every((word) => name.toLowerCase().includes(word)) ? 0 : 1;
    const groups = new Map();
    for (const name of found.sort((a, b) => rank(a) - rank(b))) {
      const { source } = entries[name];
      groups.set(source, [...(groups.get(source) ?? []), name]);
    }
    find('names').replaceChildren(...[...groups].flatMap(([source, list]) => [
      element('h2', {}, source),
      element('ul', {}, ...list.map((name) => element('li', {}, element('a', { href: '#' + name, tabindex: '-1', 'aria-current': name === chosen() ? 'true' : undefined }, ...breakable(cut(name)[1]))))),
    ]));
    find('found').textContent = words.length === 0 ? names.length + ' in all' : found.length + ' found';
  };
  const chosen = () => {
    const name = decodeURIComponent(location.hash.slice(1));
    return entries[name] ? name : undefined;
  };
  const move = (event) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const links = [...find('names').querySelectorAll('a')];
    const at = links.indexOf(document.activeElement) + (event.key === 'ArrowDown' ? 1 : -1);
    event.preventDefault();
    (links[at] ?? find('search')).focus();
  };
  find('search').addEventListener('input', showNames);
  find('search').addEventListener('keydown', (event) => {
    if (event.key === 'Enter') find('names').querySelector('a')?.click();
  });
  document.querySelector('nav').addEventListener('keydown', move);
  addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target === find('search')) return;
    event.preventDefault();
    find('search').select();
  });

  // What leads to a field, and from it to its users: node -> band and what it is made of.
  const graphOf = (name) => {
    const nodes = new Map();
    const visit = (each) => {
      if (nodes.has(each)) return;
      const step = steps[each];
      nodes.set(each, { band: step ? step.layer : 'core', from: [], through: [] });
      for (const from of step?.from ?? []) { visit(from); nodes.get(each).from.push(from); }
    };
    visit(name);
    const { used_by: users } = entries[name];
    const shown = users.fields.filter((field) => !nodes.has(field)).slice(0, 12);
    for (const field of shown) nodes.set(field, { band: 'made', from: [name], through: [] });
    for (const kind of ['reports', 'segments', 'campaigns']) {
      for (const user of users[kind]) {
        const via = user.via.filter((each) => shown.includes(each));
        const isDirect = user.via.length === 0;
        nodes.set(kind.slice(0, -1) + ' ' + user.id, { band: 'use', user, from: isDirect ? [name] : via, through: isDirect || via.length > 0 ? [] : [name] });
      }
    }
    return nodes;
  };

  const layout = (nodes) => {
    const depth = new Map();
    const depthOf = (name) => {
      const known = depth.get(name);
      if (known !== undefined) return known;
      depth.set(name, 0);
      const { band, from } = nodes.get(name);
      const own = from.filter((each) => nodes.get(each).band === band).map((each) => depthOf(each) + 1);
      depth.set(name, Math.max(0, ...own));
      return depth.get(name);
    };
    for (const name of nodes.keys()) depthOf(name);
    const lanes = [], heads = [];
    for (const band of order) {
      const members = [...nodes.keys()].filter((name) => nodes.get(name).band === band);
      if (members.length === 0) continue;
      const deepest = Math.max(...members.map(depthOf));
      heads.push({ band, lane: lanes.length, count: deepest + 1 });
      for (let at = 0; at <= deepest; at++) lanes.push(members.filter((name) => depthOf(name) === at));
    }
    const made = new Map([...nodes.keys()].map((name) => [name, []]));
    for (const [name, { from, through }] of nodes) for (const each of [...from, ...through]) made.get(each).push(name);
    const y = new Map();
    const place = (lane) => lane.forEach((name, index) => y.set(name, index - (lane.length - 1) / 2));
    lanes.forEach(place);
    const sort = (lane, next) => {
      const mean = new Map(lane.map((name) => {
        const near = next(name).map((each) => y.get(each));
        return [name, near.length === 0 ? y.get(name) : near.reduce((a, b) => a + b, 0) / near.length];
      }));
      lane.sort((a, b) => mean.get(a) - mean.get(b));
      place(lane);
    };
    // Each where its neighbours are (Sugiyama's barycentres), to and fro.
    for (let round = 0; round < 6; round++) {
      for (const lane of lanes) sort(lane, (name) => [...nodes.get(name).from, ...nodes.get(name).through]);
      for (const lane of [...lanes].reverse()) sort(lane, (name) => made.get(name));
    }
    const rows = Math.max(...lanes.map((lane) => lane.length));
    const at = new Map();
    lanes.forEach((lane, index) => lane.forEach((name) => at.set(name, {
      x: 2 + index * (width + gapX),
      y: top + (y.get(name) + (rows - 1) / 2) * (height + gapY),
    })));
    return { at, heads, width: lanes.length * (width + gapX) - gapX + 4, height: top + rows * (height + gapY) };
  };

  const aboutText = (name, node) => {
    const step = steps[name];
    if (node.user) return name + ': ' + node.user.title + (node.user.via.length ? ', through ' + node.user.via.join(', ') : '');
    if (!step) return name + (name.endsWith('.*') ? ': the rows of the table, counted' : ': a column of the warehouse');
    const unit = step.unit ? ' (' + step.unit + ')' : '';
    return [name + ': ' + (step.type ?? '') + unit, step.doc, step.formula, step.file + ':' + step.line].filter(Boolean).join(' · ');
  };

  const draw = (name) => {
    const nodes = graphOf(name);
    const { at, heads, width: across, height: down } = layout(nodes);
    const drawing = element('div', { class: 'drawing', style: 'width:' + across + 'px;height:' + down + 'px' });
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('width', across);
    svg.setAttribute('height', down);
    svg.setAttribute('aria-hidden', 'true');
    const head = element('div', { class: 'bands' }, ...heads.map(({ band, lane, count }) => element('div', {
      class: 'band', style: 'left:' + (2 + lane * (width + gapX)) + 'px;width:' + (count * (width + gapX) - gapX) + 'px',
    }, element('span', {}, bands[band]))));
    drawing.append(head, svg);
    const edges = [];
    for (const [to, { from, through }] of nodes) {
      for (const each of [...from, ...through]) {
        const a = at.get(each), b = at.get(to);
        const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
        const x1 = a.x + width, y1 = a.y + height / 2, x2 = b.x, y2 = b.y + height / 2, bend = Math.max(24, (x2 - x1) / 2);
        path.setAttribute('d', 'M' + x1 + ' ' + y1 + ' C' + (x1 + bend) + ' ' + y1 + ' ' + (x2 - bend) + ' ' + y2 + ' ' + x2 + ' ' + y2);
        path.setAttribute('class', through.includes(each) ? 'edge through' : 'edge');
        svg.append(path);
        edges.push({ from: each, to, path });
      }
    }
    const about = element('p', { class: 'about muted' }, 'Point at a definition, or go to it with the Tab key, to see what it says and what it is connected with.');
    const boxes = new Map();
    const light = (lit) => {
      const on = new Set([lit]);
      const spread = (start, next) => { for (const each of next(start)) if (!on.has(each)) { on.add(each); spread(each, next); } };
      spread(lit, (each) => nodes.get(each).from);
      const up = new Set(on);
      spread(lit, (each) => edges.filter((edge) => edge.from === each).map((edge) => edge.to));
      drawing.classList.add('lit');
      for (const [each, box] of boxes) box.classList.toggle('on', on.has(each));
      for (const { from, to, path } of edges) path.classList.toggle('on', (up.has(from) && up.has(to)) || (on.has(from) && on.has(to) && (!up.has(to) || to === lit || from === lit)));
      about.textContent = aboutText(lit, nodes.get(lit));
    };
    // From left to right, so that the Tab key follows the way.
    const sorted = [...nodes].sort(([a], [b]) => at.get(a).x - at.get(b).x || at.get(a).y - at.get(b).y);
    for (const [each, node] of sorted) {
      const [source, field] = node.user ? [each.split(' ')[0], node.user.title] : cut(each);
      const isLink = entries[each] && each !== name;
      const box = element(isLink ? 'a' : 'button', {
        class: ['node', node.band === 'core' ? 'core' : node.band === 'use' ? 'use' : '', each === name ? 'chosen' : ''].join(' ').trim(),
        style: 'left:' + at.get(each).x + 'px;top:' + at.get(each).y + 'px',
        ...(isLink ? { href: '#' + each } : { type: 'button' }),
        title: each,
      }, element('span', {}, source), element('b', {}, field === '*' ? 'rows' : field));
      for (const event of ['mouseenter', 'focus', 'click']) box.addEventListener(event, () => light(each));
      for (const event of ['mouseleave', 'blur']) box.addEventListener(event, () => drawing.classList.remove('lit'));
      boxes.set(each, box);
      drawing.append(box);
    }
    const graph = element('div', { class: 'graph', role: 'group', 'aria-label': 'The way from the columns to ' + name + ' and to who uses it' }, drawing);
    requestAnimationFrame(() => {
      // A little smaller where it then fits; else the field and its users are what one looks at first.
      const zoom = Math.min(1, Math.max(.8, graph.clientWidth / across));
      drawing.style.zoom = zoom;
      graph.scrollLeft = graph.scrollWidth;
      graph.scrollTop = (at.get(name).y + height / 2) * zoom - graph.clientHeight / 2;
    });
    return { graph, about, nodes };
  };

  const byTable = (list) => {
    const tables = new Map();
    for (const name of list) {
      const [table, column] = cut(name);
      tables.set(table, [...(tables.get(table) ?? []), column === '*' ? 'its rows' : column]);
    }
    return element('dl', { class: 'columns' }, ...[...tables].flatMap(([table, own]) => [element('dt', {}, table), element('dd', {}, own.join(', '))]));
  };

  const stepList = (nodes, name) => element('ol', { class: 'steps' }, ...[...nodes.keys()].filter((each) => steps[each] && nodes.get(each).band !== 'made').reverse().map((each) => {
    const step = steps[each];
    const from = step.from.length === 0 ? ['nothing: it is the same for every row'] : listed(step.from.map((part) => link(part)));
    return element('li', {},
      element('div', {}, element('b', {}, entries[each] && each !== name ? element('a', { href: '#' + each }, ...breakable(each)) : element('span', {}, ...breakable(each))), element('span', { class: 'muted' }, ' · ' + bands[step.layer] + (step.unit ? ' · ' + step.unit : ''))),
      step.doc ? element('div', {}, step.doc) : undefined,
      step.formula ? element('code', {}, step.formula) : undefined,
      element('div', { class: 'muted' }, 'made of ', ...from));
  }));

  const userList = ({ fields, reports, segments, campaigns }) => {
    const lines = [];
    for (const [kind, list] of [['Report', reports], ['Segment', segments], ['Campaign', campaigns]]) {
      for (const { id, title, via } of list) lines.push(element('li', {}, kind + ' ', element('b', {}, title), ' (' + id + ')', ...(via.length ? [', through ', ...listed(via.map((each) => link(each)))] : [])));
    }
    if (fields.length) lines.push(element('li', {}, 'Fields made of it: ', ...listed(fields.map((each) => link(each)))));
    return lines.length === 0 ? element('p', { class: 'muted' }, 'No report, segment or campaign, and no other field.') : element('ul', { class: 'plain' }, ...lines);
  };

  const show = () => {
    const name = chosen() ?? (entries['contact_facts.total_revenue'] ? 'contact_facts.total_revenue' : names[0]);
    if (!name) return;
    const step = steps[name], entry = entries[name];
    const { graph, about, nodes } = draw(name);
    const leaves = [...nodes].filter(([, node]) => node.band === 'core').map(([each]) => each).sort();
    const tags = [entry.kind, step.type, step.unit].filter(Boolean);
    find('field').replaceChildren(
      element('section', {},
        element('h2', {}, ...breakable(name)),
        element('ul', { class: 'tags' }, ...tags.map((tag) => element('li', {}, tag))),
        step.doc ? element('p', { class: 'doc' }, step.doc) : undefined,
        step.formula ? element('code', { class: 'formula' }, step.formula) : undefined,
        element('p', { class: 'muted' }, 'Defined in ' + step.file + ':' + step.line)),
      element('section', {}, element('h3', {}, 'The way'), graph, about,
        Object.assign(element('details', { class: 'steps-box' }, element('summary', {}, 'In words'), stepList(nodes, name)), { open: innerWidth <= 820 })),
      element('section', {}, element('h3', {}, 'Used by'), userList(entry.used_by)),
      element('section', {}, element('h3', {}, 'Made of'), byTable(leaves)),
      element('section', {}, element('h3', {}, 'Which rows count is decided by'), byTable(entry.conditions.map((index) => columns[index]))),
    );
    document.title = name + ': where it comes from';
    for (const each of find('names').querySelectorAll('a')) {
      if (each.getAttribute('href') === '#' + name) each.setAttribute('aria-current', 'true');
      else each.removeAttribute('aria-current');
    }
  };
  addEventListener('hashchange', () => { show(); find('field').focus({ preventScroll: innerWidth > 820 }); });
  showNames();
  show();
  const current = find('names').querySelector('[aria-current]');
  if (current) find('names').scrollTop = current.offsetTop - find('names').clientHeight / 2;
})();
`);
