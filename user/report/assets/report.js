"use strict";
// Charts that answer to the pointer. Everything is on the page without this: it draws the same figures again with dygraphs.
(() => {
	const root = document.documentElement;
	const colour = name => getComputedStyle(root).getPropertyValue(name).trim();
	const read = id => { const e = document.getElementById(id); return e && JSON.parse(e.textContent); };
	// Three, or as many as tell two ticks apart that are a step from each other.
	const digits = (v, unit, step) => {
		const n = step > 0 ? Math.min(9, Math.ceil(Math.log10(Math.abs(v) / step)) + 1) : 3;
		return `${n <= 3 && v >= 100 ? Math.round(v) : v.toPrecision(Math.max(3, n))} ${unit}`;
	};

	const scaled = (v, steps, step) => {
		const [size, unit] = steps.find(([least]) => Math.abs(v) >= least) || steps[steps.length - 1];
		return digits(v / size, unit, step / size);
	};
	const seconds = s => {
		if (s < 60) return `${+s.toFixed(1)} s`;
		const h = Math.floor(s / 3600), m = Math.floor(s % 3600 / 60), r = Math.round(s % 60);
		return (h ? `${h} h ` : "") + (m || !h ? `${m} m` : "") + (r ? ` ${r} s` : "");
	};
	const ns = v => v >= 6e10 ? seconds(v / 1e9) : v < 1000 ? `${Math.round(v)} ns` : scaled(v, [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]]);
	const count = v => v >= 1000 ? Math.round(v).toLocaleString("en-US") : String(+v.toPrecision(3));
	const format = {
		ns, count, per_s: count, cores: count,
		bytes: (v, step) => v < 1000 ? `${Math.round(v)} B` : scaled(v, [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]], step),
	};
	const percent = nines => {
		const p = 100 * (1 - 10 ** -nines);
		return `${nines < 1 ? p.toFixed(0) : p.toFixed(Math.min(6, Math.max(0, Math.ceil(nines) - 2)))} %`;
	};

	// Ticks where a clock has them.
	const timeTicks = (from, to, pixels) => {
		const steps = [.1, .2, .5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400];
		const step = steps.find(s => (to - from) / s * 76 <= pixels) || 86400 * Math.ceil((to - from) / 86400 * 76 / pixels);
		const ticks = [];
		for (let v = Math.ceil(from / step) * step; v <= to; v += step) ticks.push({ v, label: seconds(v) });
		return ticks;
	};

	// The values under the pointer stand in the caption, behind the names.
	const caption = (figure, head, values) => {
		const spans = figure.querySelectorAll("figcaption span");
		spans.forEach((s, i) => {
			let b = s.querySelector("b");
			if (!b) { s.append(" "); b = s.appendChild(document.createElement("b")); }
			b.textContent = values ? values[i] ?? "–" : "";
		});
		let em = figure.querySelector("figcaption em");
		if (!em) em = figure.querySelector("figcaption").appendChild(document.createElement("em"));
		em.textContent = head;
	};

	const label = formatY => (v, granularity, options, graph) => {
		const [low, high] = graph.yAxisRange();
		return formatY(v, (high - low) / 3);
	};
	// A lone missing point is drawn over (null), more of them are a gap (NaN): a gauge is read once a second, and now and then a second has none.
	const bridged = column => column.map((v, i) =>
		v !== null || (i > 0 && i + 1 < column.length && column[i - 1] !== null && column[i + 1] !== null) ? v : NaN);

	const common = (figure, formatX, formatY, head = formatX) => ({
		legend: "never", strokeWidth: 1.6, gridLineColor: colour("--line"), axisLineColor: colour("--line"), gridLineWidth: 1,
		highlightCircleSize: 3, labelsKMB: false, rightGap: 8, xRangePad: 0, connectSeparatedPoints: true,
		axes: { x: { axisLabelFormatter: formatX, axisLabelWidth: 62 }, y: { axisLabelFormatter: label(formatY), axisLabelWidth: 70 } },
		highlightCallback: (event, x, points) => {
			const by = new Map(points.map(p => [p.name, p.yval]));
			caption(figure, head(x), [...figure.querySelectorAll("figcaption span")].map((s, i) => {
				const y = by.get(figure.graph.getLabels()[i + 1]);
				return y === undefined || y === null || Number.isNaN(y) ? "–" : formatY(y);
			}));
		},
		unhighlightCallback: () => caption(figure, "", null),
	});

	const shade = bands => (canvas, area, g) => {
		let stages = 0;
		bands.forEach(b => {
			const odd = b.kind === "stage" && stages++ % 2;
			const from = Math.max(g.toDomXCoord(b.from_s), area.x), to = Math.min(g.toDomXCoord(b.to_s), area.x + area.w);
			if (to <= from || (b.kind === "stage" && !odd)) return;
			canvas.fillStyle = colour(b.kind === "fault" ? "--bad-bg" : b.kind === "warmup" ? "--line" : "--soft");
			canvas.fillRect(from, area.y, to - from, area.h);
		});
	};

	const mount = figure => {
		const plot = figure.querySelector(".plot"), box = document.createElement("div");
		box.className = "graph";
		plot.replaceWith(box);
		figure.live = true;
		return box;
	};

	const drawSeries = (figure, data) => {
		const lines = figure.dataset.lines.split(";").filter(Boolean).map(l => l.split("|"));
		const rows = [], columns = lines.map(l => bridged(data[l[0]]));
		for (let i = 0; i < data.points; i++) rows.push([(i + .5) * data.step_s, ...columns.map(c => c[i])]);
		const formatY = format[figure.dataset.unit], log = "log" in figure.dataset && columns.flat().some(v => v > 0);
		const head = x => [seconds(x), ...data.bands.filter(b => b.from_s <= x && x < b.to_s).map(b => b.name)].join(" · ");
		const options = {
			...common(figure, seconds, formatY, head), labels: ["t", ...lines.map(l => l[1])], colors: lines.map(l => colour(`--c${l[2]}`)),
			logscale: log, dateWindow: [0, data.points * data.step_s], underlayCallback: shade(data.bands),
		};
		options.axes.x.ticker = timeTicks;
		// nothing of a logarithm is 0
		if (log) for (const row of rows) for (let k = 1; k < row.length; k++) if (row[k] !== null && !(row[k] > 0)) row[k] = NaN;
		if ("zero" in figure.dataset) options.includeZero = true;
		if (data.points < 2) options.drawPoints = true;
		figure.graph = new Dygraph(mount(figure), rows, options);
		return figure.graph;
	};

	const drawPercentiles = (figure, data) => {
		const ticks = () => Array.from({ length: Math.floor(data.nines) + 1 }, (unused, i) => ({ v: i, label: percent(i) }));
		const options = {
			...common(figure, percent, ns), labels: ["percentile", ...data.names], colors: data.names.map((n, i) => colour(`--c${i}`)),
			logscale: true, dateWindow: [0, data.nines],
		};
		options.axes.x.ticker = ticks;
		for (const row of data.rows) for (let k = 1; k < row.length; k++) if (!(row[k] > 0)) row[k] = NaN;
		figure.graph = new Dygraph(mount(figure), data.rows, options);
	};

	const flame = boxes => {
		const all = [...boxes.querySelectorAll("i")];
		const zoom = chosen => {
			const x0 = chosen ? +chosen.dataset.x : 0, w0 = chosen ? +chosen.dataset.w : 1, edge = 1e-5;
			const depth = chosen ? parseFloat(chosen.style.top) : -1;
			for (const b of all) {
				const x = +b.dataset.x, w = +b.dataset.w, above = parseFloat(b.style.top) < depth && x <= x0 + edge && x + w >= x0 + w0 - edge;
				b.classList.toggle("above", above);
				b.hidden = !above && (x + w <= x0 + edge || x >= x0 + w0 - edge || parseFloat(b.style.top) < depth);
				b.style.left = above ? "0%" : `${(x - x0) / w0 * 100}%`;
				b.style.width = above ? "100%" : `${w / w0 * 100}%`;
			}
			boxes.zoomed = chosen;
		};
		boxes.addEventListener("click", e => {
			const b = e.target.closest("i");
			if (b) zoom(b === boxes.zoomed || (b.style.top === "0px" && boxes.zoomed) ? null : b);
		});
	};

	// One chart at a time behind the page's first picture, which has them all already: it opens as fast as without them.
	const start = () => {
		root.classList.add("live");
		const series = read("series-data"), percentiles = read("percentiles-data"), graphs = [];
		const figures = [...document.querySelectorAll("figure.chart")];
		const next = () => {
			const figure = figures.shift();
			if (!figure) {
				if (graphs.length > 1) Dygraph.synchronize(graphs, { selection: true, zoom: true, range: false });
				root.classList.add("drawn");
				return;
			}
			if (figure.dataset.chart === "series") graphs.push(drawSeries(figure, series));
			else drawPercentiles(figure, percentiles);
			setTimeout(next);
		};
		setTimeout(next);
		document.querySelectorAll(".boxes").forEach(flame);
		// dygraphs paints on a canvas, which knows no media queries
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => location.reload());
	};
	start();
})();
