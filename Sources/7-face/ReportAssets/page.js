"use strict";
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  // What the package vega makes of its modules; "vega-selections" is what vega-selection is asked for as.
  const { parse } = modules["vega-parser"];
  const { View } = modules["vega-view"];
  const { extend } = modules["vega-util"];
  const { transforms } = modules["vega-dataflow"];
  for (const name of ["vega-transforms", "vega-view-transforms", "vega-encode"]) extend(transforms, modules[name]);

  // Okabe and Ito's colours, which the colour-blind tell apart, and lighter ones for a dark page.
  const themes = {
    light: {
      ink: "#1b1f24", muted: "#59636e", grid: "#e3e7ea", page: "#ffffff",
      series: ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b6b6b", "#7a5195", "#a6761d",
        "#5f8f1e", "#8b1e3f", "#3b4cc0"],
    },
    dark: {
      ink: "#e6e9ec", muted: "#9aa4ae", grid: "#2b3036", page: "#14171a",
      series: ["#56b4e9", "#f0804a", "#2bc79a", "#e59cc5", "#f0c541", "#8fa8ff", "#b8bfc6", "#c5a3e0", "#d9a860",
        "#a5d15a", "#ff8fa3", "#7fd4e8"],
    },
  };
  const verdicts = (theme) => ({
    regression: theme.series[1], improvement: theme.series[0], "no change": theme.muted,
    inconclusive: theme.series[4],
  });
  const font = "system-ui, 'Liberation Sans', Arial, sans-serif";
  const config = (theme) => ({
    background: null,
    axis: {
      labelFont: font, titleFont: font, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
      labelColor: theme.ink, titleColor: theme.muted, domainColor: theme.muted, tickColor: theme.muted,
      gridColor: theme.grid, labelLimit: 320, titlePadding: 8,
    },
    legend: {
      labelFont: font, titleFont: font, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal",
      labelColor: theme.ink, titleColor: theme.muted, labelLimit: 420, symbolSize: 80, orient: "top",
      titleAnchor: "start", columnPadding: 18, offset: 12,
    },
    text: { font, fontSize: 12, fill: theme.ink },
    title: { font, color: theme.ink, fontSize: 13, fontWeight: 600, anchor: "start" },
    range: { category: theme.series },
  });

  const number = (value) =>
    typeof value !== "number" ? String(value)
    : Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toLocaleString("en-GB")
    : Math.abs(value) >= 1e-4 && Math.abs(value) < 1e12
      ? value.toLocaleString("en-GB", { maximumSignificantDigits: 4 })
      : value.toExponential(3);
  const words = (value) => (value === null ? "–" : value === true ? "yes" : value === false ? "no" : number(value));

  const element = (name, text, parent) => {
    const node = document.createElement(name);
    if (text !== null) node.textContent = text;
    if (parent) parent.append(node);
    return node;
  };

  // MARK: Specifications

  /// A figure's specification: its own of `figures`, with the parts that it shares, the theme's colours and
  /// the rows of its table under the names of their channels.
  const specification = (figure, theme, width) => {
    const spec = structuredClone(page.specifications[figure.specification]);
    for (const part of spec.usermeta.parts) {
      const shared = structuredClone(page.specifications[part]);
      for (const key of ["signals", "data"]) spec[key] = (shared[key] ?? []).concat(spec[key] ?? []);
    }
    const rows = figure.rows.slice(0, figure.drawn).map((row, index) => {
      // From 1, as Vega takes a tooltip of 0 for none.
      const datum = { row: index + 1 };
      // Scales take null for 0, and nothing for nothing.
      figure.columns.forEach((column, place) => {
        if (column.channel && row[place] !== null) datum[column.channel] = row[place];
      });
      return datum;
    });
    spec.data.find((data) => data.name === "rows").values = rows;
    for (const scale of spec.scales ?? []) {
      const axis = figure.axes[scale.name];
      if (!axis) continue;
      scale.type = axis.scale;
      // A round end of a logarithmic scale may be a decade away.
      if (axis.scale === "log") Object.assign(scale, { nice: false, padding: 14 });
      else scale.zero = axis.zero;
      if (axis.base) scale.base = axis.base;
      // Of one quantity: the diagonal then runs from corner to corner.
      if (figure.axes.isDiagonal) scale.domain.fields = ["x", "xLow", "xHigh", "y", "yLow", "yHigh"];
    }
    const values = {
      ink: theme.ink, muted: theme.muted, page: theme.page, verdicts: verdicts(theme),
      xTitle: figure.axes.x.title, xFormat: figure.axes.x.format ?? "~g", xLog: figure.axes.x.scale === "log",
      yTitle: figure.axes.y?.title ?? "", yFormat: figure.axes.y?.format ?? "~g",
      yLog: figure.axes.y?.scale === "log",
      isDiagonal: figure.axes.isDiagonal ?? false,
      xTicks: figure.axes.x.ticks ?? null, references: figure.axes.x.references ?? [],
      legendTitle: figure.legend ?? "",
      showsNotes: width >= 560,
      legendColumns: legendColumns(rows.map((row) => row.series), width),
    };
    spec.signals = Object.entries(values).map(([name, value]) => ({ name, value })).concat(spec.signals ?? []);
    spec.width = width;
    return spec;
  };

  const legendColumns = (names, width) => {
    const longest = Math.max(1, ...names.map((name) => String(name ?? "").length));
    return Math.max(1, Math.floor(width / (Math.min(longest, 60) * 7 + 40)));
  };

  // MARK: Views

  const tip = document.getElementById("tip");
  const showTip = (figure) => (_, event, __, row) => {
    tip.hidden = row === null || row === undefined;
    if (tip.hidden) return;
    tip.replaceChildren();
    figure.columns.forEach((column, place) => {
      const value = figure.rows[row - 1]?.[place];
      if (value === null || value === undefined) return;
      const line = element("div", null, tip);
      element("span", `${column.title}: `, line);
      element("b", words(value), line);
    });
    const box = tip.getBoundingClientRect();
    const x = event.clientX + 14, y = event.clientY + 14;
    tip.style.left = `${Math.max(4, Math.min(x, window.innerWidth - box.width - 4))}px`;
    tip.style.top = `${Math.max(4, Math.min(y, window.innerHeight - box.height - 4))}px`;
  };

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const views = new Map();

  /// Vega's interpreter of expressions needs no `eval`, which the page's policy forbids.
  const draw = (figure, theme) => {
    const holder = document.querySelector(`#${figure.id} .chart`);
    views.get(figure.id)?.finalize();
    holder.replaceChildren();
    const runtime = parse(specification(figure, theme, holder.clientWidth), config(theme), { ast: true });
    const view = new View(runtime, {
      expr: modules["vega-interpreter"].expressionInterpreter, renderer: "svg", container: holder, hover: true,
      logLevel: 1, tooltip: showTip(figure),
    });
    views.set(figure.id, view);
    view.run();
  };
  const drawn = page.figures.filter((figure) => figure.specification);
  const drawAll = (theme) => drawn.forEach((figure) => draw(figure, theme));
  const drawScreen = () => drawAll(dark.matches ? themes.dark : themes.light);

  // MARK: Tables and files

  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  const addTools = (figure) => {
    const place = document.getElementById(figure.id);
    const tools = element("div", null, place);
    tools.className = "tools";
    if (figure.specification) {
      const svg = element("button", "SVG", tools);
      svg.title = "Save the picture";
      svg.onclick = async () => save(`${figure.id}.svg`, "image/svg+xml", await views.get(figure.id).toSVG());
    }
    const csv = element("button", "CSV", tools);
    csv.title = "Save its data";
    csv.onclick = () => save(`${figure.id}.csv`, "text/csv", figure.csv);
  };

  const addTable = (figure) => {
    const details = element("details", null, document.getElementById(figure.id));
    details.open = !figure.specification;
    element("summary", `Table, ${figure.rows.length} ${figure.rows.length === 1 ? "row" : "rows"}`, details);
    const holder = element("div", null, details);
    holder.className = "table";
    const table = element("table", null, holder);
    const isNumber = figure.columns.map((_, place) => figure.rows.some((row) => typeof row[place] === "number"));
    const head = element("tr", null, element("thead", null, table));
    figure.columns.forEach((column, place) => {
      element("th", column.title, head).className = isNumber[place] ? "number" : "";
    });
    const body = element("tbody", null, table);
    for (const row of figure.rows) {
      const line = element("tr", null, body);
      row.forEach((value, place) => {
        element("td", words(value), line).className = isNumber[place] ? "number" : "";
      });
    }
  };

  for (const figure of page.figures) {
    addTools(figure);
    addTable(figure);
  }
  drawScreen();
  dark.addEventListener("change", drawScreen);
  addEventListener("beforeprint", () => drawAll(themes.light));
  addEventListener("afterprint", drawScreen);
  let resizing;
  let width = window.innerWidth;
  addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(resizing);
    resizing = setTimeout(drawScreen, 150);
  });
})();
