export const DEV_USAGE = `Usage: mstdn-supervise dev [OPTION...]

The dynos of a folder's Procfile, app.json and .env, on this machine, as the platform runs them. In a Mastodon
checkout the real commands run; anywhere else small stand-ins, which need no Ruby, no Redis and no database.

  --dir FOLDER             the app; this folder without it
  --procfile FILE          instead of the folder's own
  --buildpacks heroku/ruby,heroku/nodejs   in this order, instead of those in app.json
  --stand-ins              the stand-ins, in a checkout too
  --allow-remote-data      run a checkout on a database or Redis of another machine: migrations and jobs run there
  --only web,worker        these process types alone
  --formation web=1,worker=1   so many dynos of each
  --size standard-2x       the dynos' type: eco, basic, standard-1x, standard-2x, performance-m, performance-l
  --quota 512M             their memory, whatever the type
  --port 5006              where the app answers; the page is on the next one, the dynos' own ports follow
  --no-page                no page to watch it on
  --log-reader slow        how the platform reads what dynos print: full, slow, stalled
  --cycle-every 10m        instead of once a day
  --time-scale 10          the platform's times that much shorter, up to 15
  --rehearse               play scenes without a person, print the verdicts; exit code 1 where one is bad
  --scenes boot,deploy     only these
  --path /about            what the load of a rehearsal asks for
  --json                   the verdicts as data
`;
