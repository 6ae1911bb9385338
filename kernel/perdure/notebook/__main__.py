"""`python -m perdure.notebook -f CONNECTION_FILE` starts the kernel."""

from ipykernel.kernelapp import IPKernelApp

from .kernel import PerdureKernel

if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=PerdureKernel)
