/* exits with 1 if a process that ended with status 0 counts as ended by a signal */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		exit(0);
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return 2;
	return WIFSIGNALED(status) ? 1 : 0;
}
