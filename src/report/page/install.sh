#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Fetches the libraries of the page: install.sh SOURCES DIRECTORY
#
# DIRECTORY gets node_modules, with the versions and hashes of package-lock.json. Nothing is done if they
# are there already. Prints the reason on standard output if that fails.
set -u
sources=$1 directory=$2

mkdir -p "$directory" && cd "$directory" || exit 1
if [ -d node_modules ] && cmp -s "$sources/package-lock.json" installed.json; then
	exit 0
fi
rm -f installed.json
cp "$sources/package.json" "$sources/package-lock.json" "$sources/.npmrc" . || exit 1
if ! timeout 300 npm ci --prefer-offline --fetch-retries=1 --fetch-timeout=30000 >npm.log 2>&1; then
	reason=$(sed -n 's/^npm \(ERR!\|error\) \(code \)\{0,1\}\([A-Z_]*\)$/\3/p' npm.log | head -1)
	echo "npm ci failed (${reason:-see npm.log}): is there a network, or a cache of npm?"
	exit 1
fi
cp package-lock.json installed.json
