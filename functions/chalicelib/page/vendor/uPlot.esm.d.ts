// What we use of uPlot is typed in chart.js.
declare const uPlot: any;
export default uPlot;
