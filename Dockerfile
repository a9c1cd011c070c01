# docker build --tag dyno . && docker run --rm dyno bench smollm2-135m
#
# The first stage compiles an executable with Swift linked in; the second one holds it and the C libraries
# that it uses. Give a container whole cores (--cpuset-cpus): dyno takes no more threads than its quota.
FROM swift:6.2-bookworm AS build
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends make python3 \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
RUN make install PREFIX=/usr/local DESTDIR=/installed

FROM debian:12-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends \
    libcminpack1 libhwloc15 libnlopt0 libopenblas0-pthread libsqlite3-0 libssl3 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /installed/usr/local /usr/local
RUN useradd --create-home dyno
USER dyno
WORKDIR /home/dyno
ENTRYPOINT ["dyno"]
CMD ["--help"]
