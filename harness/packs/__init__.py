"""Built kernels that travel: packs, as OCI images in directories, on web servers and in registries."""
