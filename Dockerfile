# One image for API and worker: `howdah api`, `howdah worker`, `howdah migrate up`. The digest is that
# of the image for all platforms; renew both lines for security updates.
FROM node:24-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6 AS build
WORKDIR /howdah
COPY package.json package-lock.json .npmrc tsconfig.json tsconfig.build.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --omit=optional --ignore-scripts

FROM node:24-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6
ENV NODE_ENV=production
WORKDIR /howdah
COPY --from=build /howdah/package.json ./
COPY --from=build /howdah/node_modules ./node_modules
COPY --from=build /howdah/dist ./dist
COPY bin ./bin
COPY migrations ./migrations
COPY sql ./sql
COPY examples ./examples
COPY docs/errors ./docs/errors
COPY packs ./packs
# The one place it may write, for files that rows name by their path; everything else may be read-only.
ENV HOWDAH_HOME=/var/lib/howdah
RUN install -d -o 1000 -g 1000 /var/lib/howdah
USER 1000:1000
EXPOSE 8000
ENTRYPOINT ["node", "bin/howdah"]
CMD ["start"]
