// Shows the page of a made-up simulation until it is killed: port, folder of the page, token, folder of the app.
import { openPage } from '../../src/simulator/web/server.ts';
import { FakeSimulation } from '../simulator/fake-simulation.ts';

const [, , port = '0', assets = '', token = '', folder = ''] = process.argv;
const simulation = new FakeSimulation({ app: { folder, standIns: true, url: 'http://localhost:5006' } });
const { url } = await openPage(simulation, { port: Number(port), assets, token });
simulation.log(`shown from ${folder}`);
console.log(`open at ${url}`);
