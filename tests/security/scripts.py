"""What the pages do, in the browser's language. Each script returns a list: what it got, or `blocked`.

`to` says where the engine is (`at`), an order of it (`orderId`), and where the page's own site is (`site`).
"""

from __future__ import annotations

import json

PRELUDE = """
const engine = `http://${to.at}`, socket = `ws://${to.at}/api/orders/execute`;
const order = {tokenIn: "SOL", tokenOut: "USDC", amount: "1"}, text = JSON.stringify(order);
const submit = `${engine}/api/orders/execute`, one = `${engine}/api/orders/${to.orderId}`;
const list = `${engine}/api/orders`, quote = `${engine}/api/quote?tokenIn=SOL&tokenOut=USDC&amount=1`;

const ask = async (url, options) => {
    try {
        const answer = await fetch(url, options);
        return answer.type === "opaque" ? "opaque" : `${answer.status} ${await answer.text()}`;
    } catch { return "blocked"; }
};
const askAll = (...asked) => Promise.all(asked.map(([url, options]) => ask(url, options)));

const within = (ms, work) => new Promise(resolve => {
    work(resolve);
    setTimeout(() => resolve("blocked"), ms);
});
const talk = (url, ...messages) => within(5000, resolve => {
    const got = [], ws = new WebSocket(url);
    ws.onopen = () => messages.forEach(message => ws.send(JSON.stringify(message)));
    ws.onmessage = event => {
        got.push(event.data);
        if (got.length >= messages.length) { ws.close(); resolve(`101 ${got.join(" ")}`); }
    };
    ws.onerror = ws.onclose = () => resolve(got.length ? `101 ${got.join(" ")}` : "blocked");
});
const loaded = element => within(3000, resolve => {
    element.onload = () => resolve(element);
    element.onerror = () => resolve("blocked");
    document.body.append(element);
});
const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
const inside = frame => {
    const page = frame.contentDocument;  // null if it is of another origin
    return page ? `200 ${page.documentElement.textContent}` : "blocked";
};
"""

READ = """
return askAll([list], [one], [quote], [list, {credentials: "include"}], [list, {mode: "no-cors"}],
    [one, {mode: "no-cors"}], [one, {headers: {"x-api-key": "a"}}]);
"""

SUBMIT_AS_TEXT = """
return askAll([submit, {method: "POST", body: text}],
    [submit, {method: "POST", body: text, headers: {"content-type": "text/plain"}, credentials: "include"}],
    [`${engine}/api/orders/batch`, {method: "POST", body: JSON.stringify({orders: [order]})}]);
"""

SUBMIT_AS_JSON = """
const headers = {"content-type": "application/json"};
return askAll([submit, {method: "POST", body: text, headers}],
    [submit, {method: "POST", body: text, headers: {...headers, "idempotency-key": "a-page"}}]);
"""

SUBMIT_WITHOUT_CORS = """
const options = {method: "POST", body: text, mode: "no-cors"};
navigator.sendBeacon(submit, text);
navigator.sendBeacon(submit, new Blob([text], {type: "text/plain"}));
const ended = () => performance.getEntriesByType("resource").filter(each => each.initiatorType === "beacon");
while (ended().length < 2) await new Promise(resolve => setTimeout(resolve, 20));
return askAll([submit, options], [submit, {...options, keepalive: true}],
    [submit, {...options, credentials: "include"}],
    [submit, {...options, referrerPolicy: "no-referrer"}]);  // with which a browser sends `Origin: null`
"""

SUBMIT_FORMS = """
const whole = [[text.slice(0, -1) + ', "clientOrderId": "', '"}']];  // as text/plain: the order
const send = (enctype, fields, policy) => within(5000, resolve => {
    const frame = make("iframe", {name: `frame-${Math.random()}`});
    const form = make("form", {method: "POST", action: submit, target: frame.name, enctype});
    form.append(...fields.map(([name, value]) => make("input", {name, value})));
    document.head.append(make("meta", {name: "referrer", content: policy}));  // no-referrer: `Origin: null`
    document.body.append(frame, form);
    frame.onload = () => resolve(inside(frame));
    form.submit();
});
const got = [];
for (const policy of ["no-referrer", "strict-origin-when-cross-origin"]) {
    got.push(await send("text/plain", whole, policy));
    got.push(await send("multipart/form-data", Object.entries(order), policy));
    got.push(await send("application/x-www-form-urlencoded", Object.entries(order), policy));
}
return got;
"""

CANCEL = """
return askAll([one, {method: "DELETE"}], [list, {method: "DELETE"}],
    [one, {method: "POST", mode: "no-cors", body: "_method=DELETE"}]);
"""

OPEN_SOCKETS = """
return Promise.all([talk(socket, order), talk(`${socket}?orderId=${to.orderId}`, {action: "ping"}),
    talk(socket, {action: "cancel", orderId: to.orderId})]);
"""

LISTEN_TO_EVENTS = """
const listen = url => within(3000, resolve => {
    const source = new EventSource(url);
    source.onmessage = event => resolve(`200 ${event.data}`);
    source.onerror = () => { source.close(); resolve("blocked"); };
});
return Promise.all([list, one, `${submit}?orderId=${to.orderId}`].map(listen));
"""

INCLUDE = """
let thrown = "";
addEventListener("error", event => { thrown += event.message; });
const elements = [make("script", {src: one}), make("script", {src: one, type: "module"}),
    make("img", {src: one}), make("link", {rel: "stylesheet", href: one})];
const found = await Promise.all(elements.map(async element => {
    const done = await loaded(element);
    if (done === "blocked" || element.tagName === "SCRIPT") return "blocked";
    try { return element.sheet ? `200 ${[...element.sheet.cssRules].map(rule => rule.cssText)}` : "200"; }
    catch { return "blocked"; }
}));
if (thrown.includes(to.orderId)) found.push(`200 ${thrown}`);
return found;
"""

FRAME = """
const frames = await Promise.all([`${engine}/api/orders`, one].map(src => loaded(make("iframe", {src}))));
const got = frames.map(frame => frame === "blocked" ? frame : inside(frame));
const held = await loaded(make("object", {data: one}));
got.push(held === "blocked" ? held : inside(held));
for (const frame of frames) {
    got.push(await within(500, resolve => {
        addEventListener("message", event => resolve(`200 ${event.data}`));
        frame.contentWindow.postMessage({action: "subscribe", orderId: to.orderId}, "*");
    }));
}
return got;
"""

APART = """
const ask = (url, options) => fetch(url, options)
    .then(async answer => answer.type === "opaque" ? "opaque" : `${answer.status} ${await answer.text()}`)
    .catch(() => "blocked");
const talk = (url, message) => new Promise(resolve => {
    const ws = new WebSocket(url);
    ws.onopen = () => ws.send(message);
    ws.onmessage = event => resolve(`101 ${event.data}`);
    ws.onerror = ws.onclose = () => resolve("blocked");
});
const post = {method: "POST", body: TEXT}, json = {headers: {"content-type": "application/json"}};
const tried = Promise.all([ask(ONE), ask(SUBMIT, post), ask(SUBMIT, {...post, mode: "no-cors"}),
    ask(SUBMIT, {...post, ...json}), talk(SOCKET, TEXT)]);
"""  # in a frame or a worker, which share nothing with their page

APART_FROM_HERE = f"""
const values = {{TEXT: text, ONE: one, SUBMIT: submit, SOCKET: socket}};
const apart = Object.entries(values).reduce(
    (code, [name, value]) => code.replaceAll(name, JSON.stringify(value)), {json.dumps(APART)});
"""

WITHOUT_ORIGIN = (
    APART_FROM_HERE
    + """
const page = `<script>if (origin !== "null") throw origin;
    ${apart} tried.then(got => parent.postMessage(got, "*"))</` + "script>";
const from = properties => within(8000, resolve => {
    const frame = make("iframe", properties);
    addEventListener("message", event => { if (event.source === frame.contentWindow) resolve(event.data); });
    document.body.append(frame);
});
const data = `data:text/html,${encodeURIComponent(page)}`;
return (await Promise.all([from({srcdoc: page, sandbox: "allow-scripts"}), from({src: data})])).flat();
"""
)

BE_REDIRECTED = """
const there = url => `${to.site}/redirect?to=${encodeURIComponent(url)}`;
return askAll([there(submit), {method: "POST", body: text, mode: "no-cors"}],
    [there(submit), {method: "POST", body: text}], [there(one)]);
"""

IN_A_WORKER = (
    APART_FROM_HERE
    + """
return within(8000, resolve => {
    const worker = new Worker(URL.createObjectURL(new Blob([`${apart} tried.then(postMessage)`])));
    worker.onmessage = event => resolve(event.data);
});
"""
)

AS_ONES_OWN = """
const headers = {"content-type": "application/json"};
const asked = await askAll([`${engine}/`], [`${engine}/health`], [`${engine}/api/orders`], [one], [quote],
    [submit, {method: "POST", body: text, headers}], [one, {method: "DELETE"}],
    [`${engine}/api/tickets`, {method: "POST", body: "{}", headers}]);
const talked = await talk(socket, order);
const frame = await loaded(make("iframe", {src: `${engine}/api/orders`}));
return [...asked, talked, frame === "blocked" ? frame : inside(frame)];
"""
