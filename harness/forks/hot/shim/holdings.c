// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors and mappings of the process. A copy gets its own channels from the request, and event counters of
 * its own. All others are shared with the original, and must be of a kind for which that does no harm.
 */
#include "shim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_EVENTS 256
#define MAX_EPOLLS 16
/* /dev/null and its like: Documentation/admin-guide/devices.txt */
#define MEMORY_DEVICES 1

struct event {
	int fd, semaphore;
	unsigned long long count;
};

/* filled by check_holdings() while no other thread runs; these are replaced in the copy */
static struct event events[MAX_EVENTS];
static int epolls[MAX_EPOLLS], event_count, epoll_count;

static bool is_known(const struct request *request, int fd)
{
	for (unsigned i = 0; i < request->count; i++)
		if (request->replaced[i] == fd || request->received[i] == fd)
			return true;
	return fd == control;
}

/* Return what follows `key` in a descriptor's fdinfo; NULL if no line begins with it. */
static const char *fd_fact(int fd, const char *key, char *line, int size)
{
	const char *found = NULL;
	char path[64];
	FILE *info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = fopen(path, "re");
	if (!info)
		return NULL;
	while (!found && fgets(line, size, info))
		if (strncmp(line, key, strlen(key)) == 0)
			found = line + strlen(key);
	fclose(info);
	return found;
}

static const char *note_event(int fd)
{
	char line[128];
	const char *count = fd_fact(fd, "eventfd-count:", line, sizeof(line));

	if (!count || event_count == MAX_EVENTS)
		return "cannot be read";
	events[event_count] = (struct event){ .fd = fd, .count = strtoull(count, NULL, 16) };
	count = fd_fact(fd, "eventfd-semaphore:", line, sizeof(line));
	events[event_count++].semaphore = count && atoi(count) ? EFD_SEMAPHORE : 0;
	return NULL;
}

static const char *note_epoll(int fd)
{
	char line[128];

	if (epoll_count == MAX_EPOLLS || fd_fact(fd, "tfd:", line, sizeof(line)))
		return "is in use";
	epolls[epoll_count++] = fd;
	return NULL;
}

/* Return why a copy could not use a descriptor, NULL if it can. */
static const char *check_fd(const struct request *request, int fd, const char *target)
{
	struct stat file;
	bool writable;

	if (is_known(request, fd))
		return NULL;
	if (strcmp(target, "anon_inode:[eventfd]") == 0)
		return note_event(fd);
	if (strcmp(target, "anon_inode:[eventpoll]") == 0)
		return note_epoll(fd);
	/* reads the signals of the process that reads it */
	if (strcmp(target, "anon_inode:[signalfd]") == 0)
		return NULL;
	if (fstat(fd, &file) < 0)
		return "cannot be read";
	writable = (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
	if (S_ISDIR(file.st_mode) || (S_ISREG(file.st_mode) && !writable))
		return NULL;
	if (S_ISCHR(file.st_mode) && major(file.st_rdev) == MEMORY_DEVICES)
		return NULL;
	return "would be shared";
}

static bool check_fds(const struct request *request, char *why)
{
	DIR *directory = opendir("/proc/self/fd");
	const char *wrong = NULL;
	struct dirent *entry;

	event_count = epoll_count = 0;
	if (!directory) {
		snprintf(why, MAX_WHY, "its descriptors cannot be listed: %s", strerror(errno));
		return false;
	}
	while (!wrong && (entry = readdir(directory))) {
		char target[96] = "";
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] == '.' || fd == dirfd(directory))
			continue;
		if (readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1) < 0)
			continue;
		wrong = check_fd(request, fd, target);
		if (wrong)
			snprintf(why, MAX_WHY, "its descriptor %d, %s, %s", fd, target, wrong);
	}
	closedir(directory);
	return !wrong;
}

/* A mapping that is shared stays so in the copy: memory files, rings of the kernel, devices. */
static bool check_mappings(char *why)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	bool shared = false;
	char line[512];

	while (maps && !shared && fgets(line, sizeof(line), maps)) {
		char mode[5] = "", name[96] = "";

		/* start-end perms offset device inode name */
		sscanf(line, "%*s %4s %*s %*s %*s %95s", mode, name);
		shared = mode[3] == 's' && mode[1] == 'w';
		if (shared)
			snprintf(why, MAX_WHY, "its mapping of %s would be shared", *name ? name : "memory");
	}
	if (!maps)
		snprintf(why, MAX_WHY, "its mappings cannot be listed: %s", strerror(errno));
	else
		fclose(maps);
	return maps && !shared;
}

/* Check that a copy could use all its descriptors and mappings; called while no other thread runs. */
bool check_holdings(const struct request *request, char *why)
{
	return check_fds(request, why) && check_mappings(why);
}

/* Put one descriptor in the place of another, with the flags that the other has, and close it. */
static bool put_in_place(int from, int to)
{
	int status = fcntl(to, F_GETFL), flags = fcntl(to, F_GETFD);

	if (status >= 0)
		fcntl(from, F_SETFL, status & (O_NONBLOCK | O_APPEND));
	if (from < 0 || dup3(from, to, flags > 0 && flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
		return false;
	close(from);
	return true;
}

/* In a copy: replace the original's descriptors. Return what went wrong, NULL if nothing did. */
const char *replace_holdings(const struct request *request)
{
	for (unsigned i = 0; i < request->count; i++)
		if (!put_in_place(request->received[i], request->replaced[i]))
			return "a channel cannot be replaced";
	for (int i = 0; i < event_count; i++) {
		int fd = eventfd(0, EFD_CLOEXEC | events[i].semaphore);

		if (fd < 0 || (events[i].count && write(fd, &events[i].count, 8) != 8) ||
		    !put_in_place(fd, events[i].fd))
			return "an event counter cannot be replaced";
	}
	for (int i = 0; i < epoll_count; i++)
		if (!put_in_place(epoll_create1(EPOLL_CLOEXEC), epolls[i]))
			return "an epoll set cannot be replaced";
	return NULL;
}
